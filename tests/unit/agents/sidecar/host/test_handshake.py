"""Errors of TLS become one of a few words; nothing else becomes a reason."""

import logging
import ssl

import pytest

from agents.sidecar.host.handshake import detail, refuse, why
from agents.sidecar.state.certs import Certs
from agents.sidecar.state.refusals import REASONS


def failed(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = code
    error.verify_message = "as OpenSSL says it"
    return error


def tls(reason: str | None) -> ssl.SSLError:
    error = ssl.SSLError(1, "oh")
    error.reason = reason  # type: ignore[assignment]
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (failed(10), "expired"),
        (failed(9), "not-yet-valid"),
        (failed(18), "foreign-authority"),
        (failed(20), "foreign-authority"),
        (failed(7), "foreign-authority"),
        (failed(23), "other"),  # revoked: nothing of ours is
        (failed(26), "other"),  # a certificate for another purpose
        (tls("PEER_DID_NOT_RETURN_A_CERTIFICATE"), "no-certificate"),
        (tls("WRONG_VERSION_NUMBER"), "no-tls"),
        (tls("RECORD_LAYER_FAILURE"), "no-tls"),
        (tls("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "refused-by-peer"),
        (tls("SSLV3_ALERT_CERTIFICATE_EXPIRED"), "refused-by-peer"),
        (tls("NO_SHARED_CIPHER"), "other"),
        (tls(None), "other"),
        (ConnectionAbortedError("SSL handshake is taking longer than 10 seconds"), "timeout"),
        (TimeoutError(), "timeout"),
        (ConnectionResetError(), "broken-off"),
        (BrokenPipeError(), "broken-off"),
        (ValueError(), "other"),
    ],
)
def test_reasons(error: Exception, reason: str) -> None:
    assert why(error) == reason
    assert reason in REASONS


def test_details_are_in_openssls_own_words() -> None:
    assert detail(failed(10)) == "as OpenSSL says it"
    assert detail(tls("WRONG_VERSION_NUMBER")) == "wrong version number"
    assert detail(ConnectionResetError()) == "ConnectionResetError"


def test_a_line_names_who_and_why_and_what_was_left_unsaid(caplog: pytest.LogCaptureFixture) -> None:
    certs, log = Certs(), logging.getLogger("test")
    for _ in range(3):
        refuse(certs, log, "inbound", "expired", "10.0.0.1:5", "certificate has expired")
    (line,) = caplog.records
    assert line.getMessage() == "no mutual TLS with 10.0.0.1:5: expired (certificate has expired)"
    assert line.fields == {"direction": "inbound", "reason": "expired", "peer": "10.0.0.1:5", "count": 1}  # type: ignore[attr-defined]
    assert certs.refusals.counts["inbound", "expired"] == 3
