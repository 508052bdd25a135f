"""Questions about numbers: the rows of a stat table, and the edges of the graph."""

from collections.abc import AsyncIterator, Iterable

from meshcore.client.channel import ASK_S, Session
from meshcore.wire import common_pb2, stats_pb2

Resource = common_pb2.Resource


def stat_request(
    targets: Iterable[Resource],
    *,
    window_ms: int = 0,
    end_ms: int = 0,
    to: Resource | None = None,
    source: Resource | None = None,
    unmeshed: bool = False,
    by_route: bool = False,
    points: int = 0,
    step_ms: int = 0,
    interval_ms: int = 0,
) -> stats_pb2.StatRequest:
    """Return the question; `to` and `source` narrow it to what the senders sent there, or what was sent from there."""
    request = stats_pb2.StatRequest(
        targets=targets,
        window=stats_pb2.Window(length_ms=window_ms, end_ms=end_ms),
        to=to,
        unmeshed=unmeshed,
        by_route=by_route,
        points=points,
        step_ms=step_ms,
        interval_ms=interval_ms,
    )
    if source is not None:  # the field's name is a word of Python's
        getattr(request, "from").CopyFrom(source)
    return request


def edges_request(
    kind: str, *, namespace: str = "", name: str = "", window_ms: int = 0, end_ms: int = 0, interval_ms: int = 0
) -> stats_pb2.EdgesRequest:
    """Return the question; `namespace` and `name` are of either end."""
    window = stats_pb2.Window(length_ms=window_ms, end_ms=end_ms)
    return stats_pb2.EdgesRequest(kind=kind, namespace=namespace, name=name, window=window, interval_ms=interval_ms)


async def stat(session: Session, request: stats_pb2.StatRequest) -> stats_pb2.StatResponse:
    """Return a row per resource."""
    return await session.ask(session.stats.Stat(request, timeout=ASK_S))


def watch_stat(session: Session, request: stats_pb2.StatRequest) -> AsyncIterator[stats_pb2.StatResponse]:
    """Yield the same, again and again."""
    return session.watch(session.stats.WatchStat(request))


async def edges(session: Session, request: stats_pb2.EdgesRequest) -> stats_pb2.EdgesResponse:
    """Return who talks to whom."""
    return await session.ask(session.stats.Edges(request, timeout=ASK_S))


def watch_edges(session: Session, request: stats_pb2.EdgesRequest) -> AsyncIterator[stats_pb2.EdgesResponse]:
    """Yield the same, again and again."""
    return session.watch(session.stats.WatchEdges(request))
