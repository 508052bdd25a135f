"""Who is at the other end: workloads, services and the counted edge between them.

Plain data that exchanges, counters and taps share. Hosts make peers when a connection opens (or take them from
discovery), never per request. No protobuf object is kept here: its enums are held as plain ints.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

TLS_UNKNOWN, TLS_MUTUAL, TLS_NONE, TLS_OPAQUE = range(4)  # common.proto, Tls


@dataclass(frozen=True, slots=True)
class Peer:
    """One end of a connection; what nobody could establish stays empty. The address does not make a peer another."""

    namespace: str = ""
    kind: str = ""
    name: str = ""
    pod: str = ""
    service_account: str = ""
    identity: str = ""  # SPIFFE ID, proven by TLS (or, for an endpoint, the one that it must prove)
    address: str = field(default="", compare=False)
    tls: int = TLS_UNKNOWN
    no_tls_reason: str = ""


class ServiceKey(NamedTuple):
    """What was asked for: a service's namespace, name and port (0: not known)."""

    namespace: str = ""
    name: str = ""
    port: int = 0


UNKNOWN_PEER = Peer()
UNKNOWN_SERVICE = ServiceKey()


class Link:
    """One counted edge: the far workload and the service. Shared by all connections that have both in common.

    `edge` is the Counters' edge, resolved at the first use; `cells` caches its HttpCells for stages/measure.
    """

    __slots__ = ("cells", "edge", "peer", "service")

    def __init__(self, peer: Peer, service: ServiceKey) -> None:
        self.peer = peer
        self.service = service
        self.edge: Any = None
        self.cells: dict[tuple[Any, ...], Any] = {}
