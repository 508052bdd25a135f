"""Why mutual TLS came to nothing, in one of a few words; counted and, now and then, said in the log.

host/arrival and host/hop ask for clients, host/h2fleet for servers. With TLS 1.3 a client is done before the
server has looked at its certificate: the server knows why, the client reads an alert or the end of the connection.
"""

import asyncio
import logging
import ssl
import time

from agents.sidecar.state import refusals
from agents.sidecar.state.certs import Certs

# X509_V_ERR_… of OpenSSL's x509_vfy.h.
_VERIFY = {
    2: refusals.FOREIGN,  # unable to get the issuer's certificate
    7: refusals.FOREIGN,  # an issuer of that name is known, and has not signed this
    9: refusals.EARLY,
    10: refusals.EXPIRED,
    18: refusals.FOREIGN,  # self-signed
    19: refusals.FOREIGN,  # self-signed in the chain
    20: refusals.FOREIGN,  # no local issuer
    21: refusals.FOREIGN,  # the first certificate cannot be verified
}
_TLS = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": refusals.NO_CERTIFICATE,
    # What is no TLS record, by the various names that versions of OpenSSL have for it.
    "WRONG_VERSION_NUMBER": refusals.NO_TLS,
    "HTTP_REQUEST": refusals.NO_TLS,
    "HTTPS_PROXY_REQUEST": refusals.NO_TLS,
    "PACKET_LENGTH_TOO_LONG": refusals.NO_TLS,
    "RECORD_LAYER_FAILURE": refusals.NO_TLS,
    "UNEXPECTED_EOF_WHILE_READING": refusals.BROKEN_OFF,
}


def why(error: BaseException) -> str:
    """Return the reason, one of state/refusals.REASONS."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY.get(error.verify_code, refusals.OTHER)
    if isinstance(error, ssl.SSLError):
        name = error.reason or ""
        return refusals.BY_PEER if "_ALERT_" in name else _TLS.get(name, refusals.OTHER)
    if isinstance(error, ConnectionAbortedError | TimeoutError | asyncio.TimeoutError):
        return refusals.TIMEOUT  # asyncio's own word for a handshake that takes too long is the former
    return refusals.BROKEN_OFF if isinstance(error, OSError) else refusals.OTHER


def detail(error: BaseException) -> str:
    """Return the same in OpenSSL's own words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return (error.reason or str(error)).replace("_", " ").lower()
    return str(error) or type(error).__name__


def refuse(certs: Certs, log: logging.Logger, direction: str, reason: str, peer: str, text: str) -> None:
    """Count a peer that mutual TLS was not possible with, and say so if it was not said a moment ago."""
    due = certs.refusals.count(direction, reason, time.monotonic())
    if due:
        more = f"; {due - 1} more since this was last said" if due > 1 else ""
        fields = {"direction": direction, "reason": reason, "peer": peer, "count": due}
        log.warning("no mutual TLS with %s: %s (%s)%s", peer, reason, text, more, extra={"fields": fields})
