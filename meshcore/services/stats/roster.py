"""The instances that should be in an answer even if they were idle, and who an identity belongs to. Pure.

Built from what the inventory says at the time of a question; the stat rows join it with the numbers.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from meshcore.services.stats.rollup import End
from meshcore.wire import discovery_pb2
from meshcore.wire.kinds import WORKLOADS


class Place(NamedTuple):
    """The name of one row: a resource as kubectl says it."""

    namespace: str
    kind: str
    name: str


class Health(NamedTuple):
    """How the instances of one row are."""

    meshed: int = 0
    running: int = 0
    failing: int = 0
    status: str = ""


# As in Kubernetes, an instance that fails again and again still runs as far as its sidecar is concerned.
_RUNNING = frozenset({discovery_pb2.RUNNING, discovery_pb2.PENDING, discovery_pb2.FAILING, discovery_pb2.PHASE_UNKNOWN})
_STATUS = {
    discovery_pb2.PENDING: "Pending",
    discovery_pb2.RUNNING: "Running",
    discovery_pb2.FAILING: "Failing",
    discovery_pb2.STOPPING: "Terminating",
    discovery_pb2.SUCCEEDED: "Succeeded",
}


class Roster:
    """All instances by the rows they belong to."""

    def __init__(self, pods: Iterable[discovery_pb2.Pod], services: Iterable[tuple[str, str]] = ()) -> None:
        self.services = {Place(namespace, "service", name) for namespace, name in services}
        self.namespaces: set[str] = {namespace for namespace, _, _ in self.services}
        self._health: dict[Place, Health] = {}
        self._identities: dict[str, End | None] = {}
        for pod in pods:
            self._add(pod)

    def _add(self, pod: discovery_pb2.Pod) -> None:
        status = pod.status
        end = End(status.namespace, status.kind, status.name, status.pod)
        running = status.phase in _RUNNING
        health = Health(
            int(running and pod.meshed),
            int(running),
            int(status.phase == discovery_pb2.FAILING),
            _STATUS.get(status.phase, "Running" if pod.uplink else "Unknown"),
        )
        self.namespaces.add(status.namespace)
        for kind in (status.kind, "pod", "namespace"):
            place = place_of(end, kind)
            if place is not None:
                before = self._health.get(place, Health())
                self._health[place] = Health(
                    before.meshed + health.meshed,
                    before.running + health.running,
                    before.failing + health.failing,
                    health.status,
                )
        if pod.identity:
            owner = End(status.namespace, status.kind, status.name)
            known = self._identities.setdefault(pod.identity, owner)
            if known != owner:
                self._identities[pod.identity] = None

    def places(self, kind: str) -> Iterator[Place]:
        """Yield every row of a kind."""
        if kind == "service":
            yield from self.services
        for place in self._health:
            if place.kind == kind:
                yield place

    def health(self, place: Place) -> Health:
        return self._health.get(place, Health())

    def name(self, end: End) -> End:
        """Return an end with the workload that its proven identity belongs to, if that is one workload only."""
        if end.name or end.pod or not end.identity:
            return end
        owner = self._identities.get(end.identity)
        if owner is None:
            return end
        return end._replace(namespace=owner.namespace, kind=owner.kind, name=owner.name)


def place_of(end: End, kind: str) -> Place | None:
    """Return the row of a kind that an end belongs to."""
    if kind == "pod":
        return Place(end.namespace, kind, end.pod) if end.pod else None
    if kind == "namespace":
        return Place("", kind, end.namespace) if end.namespace else None
    if kind == end.kind and kind in WORKLOADS:
        return Place(end.namespace, kind, end.name)
    return None
