"""Where services are: the endpoints of each target, as discovery last told, with their load.

feeds/discovery applies updates, stages/balance chooses, hosts dial. An endpoint object stays the same as long as its
place does, so latency averages and connection pools survive updates that say nothing new.
"""

from collections.abc import Callable
from typing import Any

from agents.sidecar.state.peers import TLS_MUTUAL, TLS_NONE, UNKNOWN_SERVICE, Link, Peer, ServiceKey
from agents.sidecar.state.zones import Zones, divide, group, relate
from meshcore.wire import discovery_pb2
from meshcore.wire.ids import join

FIRST_EWMA_S = 0.030  # an endpoint that has not answered yet is taken to need 30 ms


class Endpoint:
    """One place that answers for a service. `ip` may be a name (unmeshed, resolved when dialled) or `unix:/path`."""

    __slots__ = (
        "carriers",
        "ewma",
        "gone",
        "id",
        "inflight",
        "ip",
        "link",
        "opaque",
        "peer",
        "pool",
        "port",
        "protocol",
        "share",
        "stamp",
        "weight",
        "zone",
    )

    def __init__(
        self,
        ip: str,
        port: int,
        *,
        peer: Peer,
        service: ServiceKey = UNKNOWN_SERVICE,
        id: str = "",
        weight: int = 1,
        zone: str = "",
        protocol: int = 0,
        opaque: bool = False,
    ) -> None:
        self.id = id or join(ip, port)
        self.ip = ip
        self.port = port
        self.weight = weight
        self.share = 1.0  # its weight over the mean of its service's
        self.zone = zone
        self.peer = peer
        self.protocol = protocol
        self.opaque = opaque
        self.link = Link(peer, service)
        self.ewma = FIRST_EWMA_S
        self.stamp = 0.0  # when ewma was last touched
        self.inflight = 0
        self.gone = False  # discovery withdrew it: finish what is open, begin nothing
        self.pool: Any = None  # the hosts' connections to it
        self.carriers: Any = None  # those that carry streams: HTTP/2, and the mesh hop

    @property
    def meshed(self) -> bool:
        """Tell whether a sidecar with a known identity answers there: then the mesh hop is used, and nothing else."""
        return bool(self.peer.identity)


def _untold(_: discovery_pb2.EndpointsUpdate) -> None:
    """Nobody else is told: a sidecar of one process."""


class EndpointSet:
    """All endpoints of one target. `exists` is None until discovery has answered for the first time."""

    __slots__ = (
        "_waiters",
        "bounds",
        "by_id",
        "endpoints",
        "exists",
        "fallback",
        "kept",
        "link",
        "opaque",
        "own",
        "protocol",
        "service",
        "target",
        "told",
        "used",
        "zone",
        "zones",
    )

    def __init__(self, target: str, own: frozenset[str] = frozenset(), zone: str = "") -> None:
        self.target = target
        self.zone = zone  # this sidecar's; empty: nobody knows
        self.own = own  # addresses where no sidecar is met: this pod's
        self.exists: bool | None = None
        self.service = UNKNOWN_SERVICE
        self.opaque = False
        self.protocol = 0
        self.by_id: dict[str, Endpoint] = {}
        self.endpoints: tuple[Endpoint, ...] = ()  # those with a weight
        self.bounds: tuple[int, ...] = ()  # their weights, summed up; empty if all weigh the same
        self.zones: Zones | None = None  # the same endpoints, where some are in this sidecar's zone and some are not
        self.fallback: Endpoint | None = None  # the address itself, where discovery knows nothing of it
        self.link = Link(Peer(), UNKNOWN_SERVICE)  # counts what never reached an endpoint
        self.used = 0.0  # Runtime.clock of the last request
        self.kept = False  # however many others are asked for, it is followed
        self.told: Callable[[discovery_pb2.EndpointsUpdate], None] = _untold  # called with each update that is applied
        self._waiters: dict[Callable[[], None], None] = {}

    def wait(self, waiter: Callable[[], None]) -> None:
        """Call `waiter` once, after the next update."""
        self._waiters[waiter] = None

    def forget(self, waiter: Callable[[], None]) -> None:
        """Wait no longer."""
        self._waiters.pop(waiter, None)

    def apply(self, update: discovery_pb2.EndpointsUpdate) -> None:
        """Take in what discovery says: a snapshot replaces everything, else only changes are named."""
        self.exists = update.exists
        service = update.service
        key = ServiceKey(service.namespace, service.name, service.port)
        if update.exists and service.name and key != self.service:
            self.service = key
            self.link = Link(Peer(), key)
        if service.name:
            self.opaque = service.opaque
            self.protocol = int(service.protocol)
        before = self.by_id
        after = {} if update.snapshot else dict(before)
        for gone in update.remove:
            after.pop(gone, None)
        for put in update.put:
            after[put.id] = self._endpoint(put, before.get(put.id))
        for known, endpoint in before.items():
            if after.get(known) is not endpoint:
                endpoint.gone = True
        self.by_id = after
        self.arrange()
        self.told(update)
        waiters, self._waiters = self._waiters, {}
        for waiter in waiters:
            waiter()

    def arrange(self) -> None:
        """Have endpoints ready to be chosen from: once per change, not per request."""
        self.endpoints, self.bounds = group(tuple(self.by_id.values()))
        self.zones = divide(self.endpoints, self.zone)
        relate(self.endpoints)

    def leave(self) -> None:
        """Nobody follows this target any more: connections to its endpoints are kept for no further request."""
        for endpoint in (*self.by_id.values(), self.fallback):
            if endpoint is not None:
                endpoint.gone = True

    def _endpoint(self, put: discovery_pb2.Endpoint, known: Endpoint | None) -> Endpoint:
        identity = "" if put.ip in self.own else put.peer.identity
        peer = Peer(
            namespace=put.peer.namespace,
            kind=put.peer.kind,
            name=put.peer.name,
            pod=put.peer.pod,
            service_account=put.peer.service_account,
            identity=identity,
            address=put.peer.address or join(put.ip, put.port),
            tls=TLS_MUTUAL if identity else TLS_NONE,
            no_tls_reason="" if identity else "loopback" if put.peer.identity else "not_provided_by_service_discovery",
        )
        if known is None or (known.ip, known.port, known.peer) != (put.ip, put.port, peer):
            known = Endpoint(put.ip, put.port, peer=peer, service=self.service, id=put.id)
        known.weight = put.weight
        known.zone = put.zone
        known.protocol = int(put.protocol)
        known.opaque = put.opaque
        if known.link.service != self.service:
            known.link = Link(peer, self.service)
        return known


def _used(known: EndpointSet) -> float:
    return known.used


def _nowhere(_: str) -> None:
    """Tell nobody of a zone: a sidecar of one process."""


def _nobody(_: EndpointSet) -> None:
    """Follow nothing: before feeds/discovery has started, and in tests."""


class Directory:
    """Every target that this sidecar's applications have asked for. Bounded: clients choose the names."""

    def __init__(self, limit: int = 1000, own: frozenset[str] = frozenset(), zone: str = "") -> None:
        self.sets: dict[str, EndpointSet] = {}
        self.follow: Callable[[EndpointSet], None] = _nobody  # feeds/discovery: watch a new target
        self.unfollow: Callable[[EndpointSet], None] = _nobody
        self.dropped: Callable[[EndpointSet], None] = _nobody  # host/host: it is not to be used any more
        self.located: Callable[[str], None] = _nowhere  # called with each zone that is taken in
        self._limit = limit
        self._own = own  # addresses of this pod alone: what is dialled there does not pass its sidecar again
        self.zone = zone

    def discover(self, target: str) -> EndpointSet:
        """Return the set of a target (`name.namespace[:port]`), which is followed from now on."""
        found = self.sets.get(target)
        if found is None:
            found = EndpointSet(target, self._own, self.zone)
            if len(self.sets) >= self._limit:
                self._drop_oldest()
            self.sets[target] = found
            self.follow(found)
        return found

    def drop(self, known: EndpointSet) -> None:
        """Follow a target no longer."""
        del self.sets[known.target]
        self.unfollow(known)
        self.dropped(known)
        known.leave()

    def locate(self, zone: str) -> None:
        """Take in which zone this sidecar is in, where its configuration does not say."""
        if zone != self.zone:
            self.zone = zone
            for known in self.sets.values():
                known.zone = zone
                known.arrange()
            self.located(zone)

    def _drop_oldest(self) -> None:
        oldest = min((known for known in self.sets.values() if not known.kept), key=_used, default=None)
        if oldest is not None:
            self.drop(oldest)
