"""TLS of the aggregated API's port: our serving certificate, and the front proxy's CA to know the API server by.

Both change while the port is open, so the context that listens hands each handshake to the one in force.
"""

import ssl
from typing import Any


class Contexts:
    """`listening` is what a server is opened with, once; `renew` changes what it stands for."""

    def __init__(self) -> None:
        self.listening = _fresh()
        self.listening.sni_callback = self._choose
        self._current: ssl.SSLContext | None = None

    def renew(self, certificate: str, ca_pem: str = "") -> None:
        """Present the PEM file of chain and key at a path; know clients by a CA, where there is one.

        Raises OSError or ssl.SSLError, and nothing changes.
        """
        made = _fresh()
        made.load_cert_chain(certificate)
        if ca_pem:
            made.verify_mode = ssl.CERT_OPTIONAL  # who shows none is told so, in words
            made.load_verify_locations(cadata=ca_pem)
            self.listening.verify_mode = ssl.CERT_OPTIONAL
        self._current = made

    def _choose(self, handshake: Any, name: str | None, listening: ssl.SSLContext) -> int | None:
        if self._current is None:
            return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
        handshake.context = self._current
        return None


def _fresh() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
