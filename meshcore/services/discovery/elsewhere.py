"""Which sidecars are connected to other replicas of the control plane: telling them of ours, and hearing of theirs.

Only the inventory looks at it: where traffic may go, Kubernetes says. services/peers carries the news. Pure.
"""

from collections.abc import Callable

from meshcore.services.discovery.registry import PodKey, Registry, ServiceKey, Uplink
from meshcore.wire.peers_pb2 import Happening, Presence

Put = Callable[[Happening], None]


class Follower:
    """Another replica that is told of our own sidecars."""

    def __init__(self, registry: Registry, put: Put) -> None:
        self._registry = registry
        self._put = put
        registry.attendants.add(self._tell)
        for entry in registry.entries():
            if entry.uplink is not None:
                self._tell(entry.uplink, entry.uplink_since_ms, gone=False)

    def more(self) -> bool:
        """Tell whether there is more to catch up with: all was told at once."""
        return False

    def leave(self) -> None:
        """Be told nothing any more."""
        self._registry.attendants.discard(self._tell)

    def _tell(self, uplink: Uplink, since_ms: int, gone: bool) -> None:
        presence = Presence(
            instance=uplink.instance,
            identity=uplink.identity,
            since_ms=since_ms,
            draining=uplink.draining,
            gone=gone,
        )
        self._put(Happening(presence=presence))


class Elsewhere:
    """All sidecars of all other replicas."""

    def __init__(self, touch: Callable[[set[ServiceKey]], None]) -> None:
        self._touch = touch
        self._held: dict[PodKey, dict[Hearing, Presence]] = {}

    def find(self, namespace: str, pod: str) -> Presence | None:
        """Return the sidecar of a pod, if another replica holds it; the newest, while it moves between two."""
        held = self._held.get((namespace, pod))
        return max(held.values(), key=lambda one: one.since_ms) if held else None

    def hear(self) -> "Hearing":
        """Begin to hear from one replica."""
        return Hearing(self)

    def put(self, hearing: "Hearing", presence: Presence) -> None:
        """Take in what a replica says of one of its sidecars."""
        one = presence.instance
        key = (one.namespace, one.pod)
        held = self._held.setdefault(key, {})
        if presence.gone:
            held.pop(hearing, None)
        else:
            held[hearing] = presence
        if not held:
            del self._held[key]
        self._touch({(one.namespace, one.name)})

    def drop(self, hearing: "Hearing") -> None:
        """Forget everything that a replica said."""
        touched: set[ServiceKey] = set()
        for key, held in list(self._held.items()):
            presence = held.pop(hearing, None)
            if presence is not None:
                touched.add((presence.instance.namespace, presence.instance.name))
            if not held:
                del self._held[key]
        if touched:
            self._touch(touched)


class Hearing:
    """One stream from another replica."""

    def __init__(self, elsewhere: Elsewhere) -> None:
        self._elsewhere = elsewhere

    def take(self, happening: Happening) -> None:
        """Take in one piece of news."""
        if happening.HasField("presence"):
            self._elsewhere.put(self, happening.presence)

    def lost(self) -> None:
        """The replica tells nothing any more."""
        self._elsewhere.drop(self)
