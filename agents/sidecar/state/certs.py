"""Which certificate and which trust anchors are in force. feeds/identity changes them, host/tls and the uplink listen.

Plain data: the files are made by whoever calls `install` (a memfd, named by its path under /proc/self/fd).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from agents.sidecar.state.refusals import Refusals

Listener = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate with its key. Times are Unix seconds."""

    identity: str
    chain_pem: bytes
    key_pem: bytes = field(repr=False)
    path: str  # PEM of chain and key, for ssl.SSLContext.load_cert_chain; good as long as this is the current one
    not_before: float
    not_after: float
    serial: str  # hex
    issuer: str = ""  # the serial number of what signed it, hex


class Certs:
    """The current certificate and anchors; None and empty until the control plane has given them."""

    def __init__(self) -> None:
        self.current: Certificate | None = None
        self.anchors_pem = ""
        self.generation = 0  # goes up with each change
        self.renewals = 0
        self.refusals = Refusals()  # of peers that did not prove who they are
        self._listeners: list[Listener] = []

    @property
    def ready(self) -> bool:
        return self.current is not None

    def subscribe(self, listener: Listener) -> None:
        """Call `listener` after each change of the certificate or the anchors."""
        self._listeners.append(listener)

    def install(self, certificate: Certificate, anchors_pem: str) -> None:
        """Put a new certificate in force, with the anchors that came with it."""
        if self.current is not None:
            self.renewals += 1
        self.current = certificate
        self._change(anchors_pem)

    def trust(self, anchors_pem: str) -> None:
        """Put other anchors in force."""
        if anchors_pem != self.anchors_pem:
            self._change(anchors_pem)

    def _change(self, anchors_pem: str) -> None:
        self.anchors_pem = anchors_pem
        self.generation += 1
        for listener in self._listeners:
            listener()
