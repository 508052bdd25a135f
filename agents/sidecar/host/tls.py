"""TLS of the mesh: TLS 1.3 with a certificate on both sides, made anew whenever certificates or anchors change.

host/arrival takes `server` for what comes in on the mesh's ALPN, the hop takes `client`. Whether the far end is who it
must be is compared by those two, with `identity`, before any byte is passed on: `ssl` cannot match a URI.
"""

import ssl
from math import inf
from typing import Any

from agents.sidecar.engine.detect import MESH_ALPN
from agents.sidecar.state.certs import Certs


class Contexts:
    """The two contexts in force. Connections that are open keep the ones that they began with."""

    def __init__(self, certs: Certs) -> None:
        self.certs = certs
        self.server: ssl.SSLContext | None = None
        self.client: ssl.SSLContext | None = None
        certs.subscribe(self.renew)
        self.renew()

    def renew(self) -> None:
        """Make both contexts from the current certificate and anchors; none before there is a certificate."""
        if self.certs.current is None or not self.certs.anchors_pem:
            return
        self.server = self._make(ssl.PROTOCOL_TLS_SERVER)
        self.server.num_tickets = 0  # a hop is opened once: nothing to resume
        self.client = self._make(ssl.PROTOCOL_TLS_CLIENT)

    def _make(self, role: int) -> ssl.SSLContext:
        assert self.certs.current is not None
        context = ssl.SSLContext(role)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False  # a URI is no host name; `identity` is compared instead
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=self.certs.anchors_pem)
        context.load_cert_chain(self.certs.current.path)
        context.set_alpn_protocols([MESH_ALPN.decode()])
        return context


def identity(transport: Any) -> str:
    """Return the one SPIFFE ID that the far end of a TLS transport has proven; empty if there is not exactly one."""
    certificate = transport.get_extra_info("peercert")
    if not certificate:
        return ""
    names = certificate.get("subjectAltName", ())
    uris = [value for kind, value in names if kind == "URI"]
    return uris[0] if len(uris) == 1 and uris[0].startswith("spiffe://") else ""


def expiry(transport: Any) -> float:
    """Return when the certificate of a TLS transport's far end expires, in Unix seconds; infinity for no certificate.

    TLS looks at it once, and a connection may outlive it: host/hop and host/h2fleet end those with their sweeps.
    """
    certificate = transport.get_extra_info("peercert")
    return ssl.cert_time_to_seconds(certificate["notAfter"]) if certificate else inf
