"""Top: the requests of the last window, counted by who asked whom for what. Pure; time is passed in.

Fed with the events of one watch. Counts are of finished requests. Where both ends of a request are tapped, only the
server's sidecar counts it, unless the client's saw it fail before an answer.
"""

import re
from collections import deque
from typing import NamedTuple

from meshcore.wire import common_pb2, tap_pb2

PENDING = 10_000  # requests whose head was seen and whose end is awaited
SAMPLES = 200_000  # finished requests in the window
_VARIABLE = re.compile(
    r"[0-9]+|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|(?=[a-fA-F]*[0-9])[0-9a-fA-F]{16,}"
)


class Group(NamedTuple):
    """What one row counts."""

    direction: common_pb2.Direction.ValueType
    source: tuple[str, str, str, str, str]
    destination: tuple[str, str, str, str, str]
    method: str
    path: str
    route: str


class Sample(NamedTuple):
    """One finished request."""

    at: float
    group: Group
    latency_ms: float
    success: bool


class Top:
    """The requests of a window."""

    def __init__(
        self,
        window_s: float,
        *,
        by_route: bool,
        hide_sources: bool,
        now: float,
    ) -> None:
        self._window = window_s
        self._by_route = by_route
        self._hide_sources = hide_sources
        self._began = now
        self._heads: dict[tuple[str, str], tuple[str, str]] = {}
        self._samples: deque[Sample] = deque(maxlen=SAMPLES)

    def add(self, event: tap_pb2.TapEvent, now: float, *, twice: bool = False) -> None:
        """Count an event of a request; `twice`: the server's sidecar is tapped too."""
        key = (event.proxy.pod, event.request_id)
        if event.HasField("request_init"):
            if len(self._heads) >= PENDING:
                self._heads.pop(next(iter(self._heads)))
            self._heads[key] = (event.request_init.method, event.request_init.path)
        elif event.HasField("response_end"):
            method, path = self._heads.pop(key, ("", ""))
            end = event.response_end
            if twice and event.direction == common_pb2.OUTBOUND and not end.error:
                return
            group = Group(
                event.direction,
                _end("", "", "", "", "") if self._hide_sources else _key(event.source),
                _key(event.destination),
                "" if self._by_route else method,
                "" if self._by_route else template(path),
                event.route if self._by_route else "",
            )
            success = end.classification != common_pb2.FAILURE
            self._samples.append(Sample(now, group, end.since_request_init_us / 1000, success))

    def rows(self, now: float, limit: int) -> list[tap_pb2.TopRow]:
        """Return the rows of the window that ends now, most counted first."""
        while self._samples and self._samples[0].at <= now - self._window:
            self._samples.popleft()
        groups: dict[Group, list[Sample]] = {}
        for sample in self._samples:
            groups.setdefault(sample.group, []).append(sample)
        ranked = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
        seconds = max(1.0, self.covered(now))
        return [_row(group, samples, seconds) for group, samples in ranked[:limit]]

    def covered(self, now: float) -> float:
        """Return how many seconds of the window have been watched."""
        return min(self._window, now - self._began)


def template(path: str) -> str:
    """Return a path as it is counted: without its query, and with `{}` for parts that are numbers or ids."""
    plain = path.partition("?")[0]
    return "/".join("{}" if _VARIABLE.fullmatch(part) else part for part in plain.split("/"))


def _row(group: Group, samples: list[Sample], seconds: float) -> tap_pb2.TopRow:
    latencies = sorted(sample.latency_ms for sample in samples)
    rank = -(-95 * len(latencies) // 100) - 1  # nearest rank
    return tap_pb2.TopRow(
        source=_peer(group.source),
        destination=_peer(group.destination),
        method=group.method,
        path=group.path,
        route=group.route,
        count=len(samples),
        best_ms=latencies[0],
        worst_ms=latencies[-1],
        last_ms=samples[-1].latency_ms,
        success=sum(sample.success for sample in samples),
        p95_ms=latencies[rank],
        rps=len(samples) / seconds,
        direction=group.direction,
    )


def _end(namespace: str, kind: str, name: str, pod: str, address: str) -> tuple[str, str, str, str, str]:
    return namespace, kind, name, pod, address


def _key(peer: common_pb2.Peer) -> tuple[str, str, str, str, str]:
    """Return what tells ends apart: a client without a name has a new port for each connection."""
    if peer.name or peer.pod:
        return _end(peer.namespace, peer.kind, peer.name, peer.pod, "")
    return _end("", "", "", "", peer.address.rpartition(":")[0] or peer.address)


def _peer(end: tuple[str, str, str, str, str]) -> common_pb2.Peer:
    namespace, kind, name, pod, address = end
    return common_pb2.Peer(namespace=namespace, kind=kind, name=name, pod=pod, address=address)
