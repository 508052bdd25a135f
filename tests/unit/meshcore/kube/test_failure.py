"""Each way in which an API server is out of reach is one line and a next step."""

import ssl

import aiohttp
from aiohttp.client_reqrep import ConnectionKey

from meshcore.kube import failure
from meshcore.kube.failure import broken

WHERE = "https://api:6443"
KEY = ConnectionKey("api", 6443, True, True, None, None, None)


def test_connections_that_cannot_be_made() -> None:
    error = broken(WHERE, aiohttp.ClientConnectorError(KEY, ConnectionRefusedError(111, "Connection refused")))
    assert error.message == f"the API server at {WHERE} cannot be reached: Connection refused"
    assert error.lost
    assert "did not answer in time (GET /x)" in broken(WHERE, TimeoutError(), "GET /x").message
    assert "name is unknown" in broken(WHERE, aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "no"))).message
    assert "broke" in broken(WHERE, aiohttp.ServerDisconnectedError()).message
    proxy = broken(WHERE, aiohttp.ClientProxyConnectionError(KEY, OSError(111, "Connection refused")))
    assert "the proxy on the way" in proxy.message


def test_trust_is_not_lost_but_missing() -> None:
    cause = ssl.SSLCertVerificationError(1, "certificate verify failed")
    cause.verify_message = "self-signed certificate"
    error = broken(WHERE, aiohttp.ClientConnectorCertificateError(KEY, cause))
    assert (error.code, error.lost) == (failure.TRUST, False)
    assert "is not trusted: self-signed certificate" in error.message
    alert = ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required")
    wrapped = aiohttp.ClientOSError(1, "x")
    wrapped.__cause__ = alert
    assert broken(WHERE, wrapped).code == failure.UNAUTHENTICATED
