"""Questions about single requests: watch them as they happen, or ranked."""

from collections.abc import AsyncIterator, Iterable

from meshcore.client.channel import Session
from meshcore.wire import common_pb2, tap_pb2

Targets = Iterable[common_pb2.Resource]


def observe(
    session: Session,
    targets: Targets,
    *,
    match: tap_pb2.TapMatch | None = None,
    max_rps: float = 0.0,
    headers: bool = False,
    limit: int = 0,
) -> AsyncIterator[tap_pb2.ObserveResponse]:
    """Yield what the sidecars of the targets see; ends after `limit` finished requests, 0: never."""
    request = tap_pb2.ObserveRequest(targets=targets, match=match, max_rps=max_rps, headers=headers, limit=limit)
    return session.watch(session.tap.Observe(request), endless=limit == 0)


def top(
    session: Session,
    targets: Targets,
    *,
    match: tap_pb2.TapMatch | None = None,
    max_rps: float = 0.0,
    window_ms: int = 0,
    by_route: bool = False,
    hide_sources: bool = False,
    interval_ms: int = 1000,
    limit: int = 0,
) -> AsyncIterator[tap_pb2.TopResponse]:
    """Yield the requests of the last window, counted by who asks whom for what, most counted first."""
    request = tap_pb2.TopRequest(
        targets=targets,
        match=match,
        max_rps=max_rps,
        window_ms=window_ms,
        by_route=by_route,
        hide_sources=hide_sources,
        interval_ms=interval_ms,
        limit=limit,
    )
    return session.watch(session.tap.Top(request))
