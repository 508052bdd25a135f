"""Questions about what runs where: instances, with and without a sidecar."""

from collections.abc import AsyncIterator, Iterable

from meshcore.client.channel import ASK_S, Session
from meshcore.wire import common_pb2, discovery_pb2

Targets = Iterable[common_pb2.Resource]


async def pods(session: Session, targets: Targets = ()) -> discovery_pb2.PodsResponse:
    """Return the instances of the targets; without targets, all."""
    return await session.ask(session.inventory.Pods(discovery_pb2.PodsRequest(targets=targets), timeout=ASK_S))


def watch_pods(
    session: Session, targets: Targets = (), interval_ms: int = 1000
) -> AsyncIterator[discovery_pb2.PodsResponse]:
    """Yield the same, again and again."""
    request = discovery_pb2.PodsRequest(targets=targets, interval_ms=interval_ms)
    return session.watch(session.inventory.WatchPods(request))
