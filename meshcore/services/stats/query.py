"""Stat: one row per resource, from the numbers of the rollup joined with the instances of the roster. Pure.

A resource's own row is what its sidecars received; with `to` or `from` it is what the senders' sidecars sent, and
so is a service's. Rows are LEFT JOINed: what is idle is there, with no numbers. answer.py asks, edges.py uses
Frame too.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import chain
from math import nan

from meshcore.client.failure import Elsewhere
from meshcore.services.stats.numbers import Steps, Sum
from meshcore.services.stats.ring import LEVELS, Ring, Tile
from meshcore.services.stats.rollup import Edge, Line, Rollup
from meshcore.services.stats.roster import Place, Roster, place_of
from meshcore.wire import common_pb2, stats_pb2
from meshcore.wire.kinds import KINDS, WORKLOADS

WINDOW_S = 60
DAY_S = LEVELS[-1].width * LEVELS[-1].slots
MAX_POINTS = 2000
_KINDS = (*WORKLOADS, "pod", "namespace", "service")


class QueryError(Exception):
    """A question that has no answer: what is wrong, what to do, and whether it names something that is not there."""

    def __init__(self, message: str, hint: str = "", *, missing: bool = False) -> None:
        super().__init__(message)
        self.hint = hint
        self.missing = missing


@dataclass(frozen=True, slots=True)
class Frame:
    """A window as it is answered, in whole slots."""

    start: int
    end: int
    covered: int  # seconds of it that the ring holds
    tiles: list[Tile]

    @property
    def seconds(self) -> int:
        """What rates are per: a ring that is younger than the window knows nothing of the time before."""
        return max(1, self.covered)

    def window(self) -> stats_pb2.Window:
        return stats_pb2.Window(length_ms=(self.end - self.start) * 1000, end_ms=self.end * 1000)


def frame(ring: Ring, window: stats_pb2.Window, watermark: int) -> Frame:
    """Return the window that is nearest to the one asked for; it never ends after the watermark."""
    length = min(DAY_S, -(-window.length_ms // 1000) or WINDOW_S)
    end = min(window.end_ms // 1000, watermark) if window.end_ms else watermark
    start, end = ring.fit(end - length, end)
    known = end if ring.born is None else max(start, ring.born, ring.oldest())
    return Frame(start, end, max(0, end - known), ring.tiles(start, end))


@dataclass(slots=True)
class Row:
    """One row while it is being added up."""

    sum: Sum = field(default_factory=Sum)
    lines: list[Line] = field(default_factory=list)


def stat(
    rollup: Rollup, roster: Roster, request: stats_pb2.StatRequest, watermark: int, now_ms: int
) -> stats_pb2.StatResponse:
    """Answer a StatRequest; raises QueryError if it makes no sense."""
    check(request)
    of = frame(rollup.ring, request.window, watermark)
    steps = None
    if request.points:
        steps = Steps(rollup.ring, of.end, min(request.points, MAX_POINTS), request.step_ms or 1000)
    narrowed = request.HasField("to") or request.HasField("from")
    rows: dict[tuple[Place, str], Row] = {}
    for edge in rollup.edges.values():
        for place in _places(edge, roster, request):
            _add(rows, place, edge, of, request.by_route)
    if not narrowed and not request.by_route:
        for target in request.targets:
            for place in roster.places(target.kind):
                if names(target, place):
                    rows.setdefault((place, ""), Row())
    answer = stats_pb2.StatResponse(time_ms=now_ms, window=of.window(), covered_ms=of.covered * 1000)
    for (place, route), row in sorted(rows.items()):
        health = roster.health(place)
        active = row.sum.requests > 0 or row.sum.tcp
        if (narrowed or request.by_route) and not active:
            continue
        if not (active or health.meshed or request.unmeshed or place.kind == "service" or named(request, place)):
            continue
        meshed = place.kind != "service"
        answer.rows.append(
            stats_pb2.StatRow(
                resource=common_pb2.Resource(namespace=place.namespace, kind=place.kind, name=place.name),
                meshed=health.meshed,
                running=health.running,
                failing=health.failing,
                status=health.status if place.kind == "pod" else "",
                http=row.sum.http(of.seconds),
                tcp=row.sum.connections(of.seconds),
                series=steps.series(row.lines) if steps is not None else None,
                route=route,
                has_mesh=meshed,
            )
        )
    return answer


def _places(edge: Edge, roster: Roster, request: stats_pb2.StatRequest) -> set[Place]:
    """Return the rows that an edge counts for; one row never counts it twice."""
    name = edge.name
    to = request.to if request.HasField("to") else None
    source = getattr(request, "from") if request.HasField("from") else None
    found: set[Place] = set()
    for target in request.targets:
        place: Place | None
        service = target.kind == "service"
        inbound = not service and to is None and source is None
        if (name.direction == common_pb2.INBOUND) != inbound:
            continue
        if service:
            place = Place(name.service_namespace, "service", name.service_name) if name.service_name else None
        elif source is not None:
            place = place_of(roster.name(name.peer), target.kind)
        else:
            place = place_of(name.reporter, target.kind)
        if place is None or not names(target, place):
            continue
        if to is not None and not _is_sent_to(edge, roster, to):
            continue
        if source is not None:
            sender = place_of(name.reporter, source.kind)
            if sender is None or not names(source, sender):
                continue
        found.add(place)
    return found


def _is_sent_to(edge: Edge, roster: Roster, to: common_pb2.Resource) -> bool:
    name = edge.name
    if to.kind == "service":
        return bool(name.service_name) and names(to, Place(name.service_namespace, "service", name.service_name))
    place = place_of(roster.name(name.peer), to.kind)
    return place is not None and names(to, place)


def _add(rows: dict[tuple[Place, str], Row], place: Place, edge: Edge, of: Frame, by_route: bool) -> None:
    for line in edge.lines.values():
        row = rows.setdefault((place, line.name.route if by_route else ""), Row())
        row.lines.append(line)
        row.sum.add_line(line, of.tiles)
    if edge.flow is not None and not by_route:
        rows.setdefault((place, ""), Row()).sum.add_flow(edge, of.tiles, of.end)


def names(target: common_pb2.Resource, place: Place) -> bool:
    """Tell whether a resource as asked for names that row; what it leaves empty names all."""
    return (
        target.kind == place.kind
        and target.name in ("", place.name)
        and (target.kind == "namespace" or target.namespace in ("", place.namespace))
    )


def named(request: stats_pb2.StatRequest, place: Place) -> bool:
    """Tell whether somebody asked for exactly that row."""
    return any(target.name == place.name and names(target, place) for target in request.targets)


def check(request: stats_pb2.StatRequest) -> None:
    """Refuse what makes no sense; raises QueryError."""
    if not request.targets:
        raise QueryError("no resource was asked for", "name a kind, for example deployment")
    to, source = request.HasField("to"), request.HasField("from")
    if to and source:
        raise QueryError("`to` and `from` exclude each other", "ask twice")
    asked: Iterable[common_pb2.Resource] = [
        *request.targets,
        *([request.to] if to else []),
        *([getattr(request, "from")] if source else []),
    ]
    for resource in asked:
        check_kind(resource.kind)
    if to and any(target.kind == "service" for target in request.targets):
        raise QueryError("a service sends nothing, so there is nothing that it sends to others", "ask for a workload")
    if source and getattr(request, "from").kind == "service":
        raise QueryError("a service sends nothing, so nothing comes from it", "name the workload that sends")


def check_kind(kind: str) -> None:
    """Refuse a kind that has no rows; raises QueryError."""
    if kind not in _KINDS:
        near = get_close_matches(kind, [word.name for word in KINDS], 1)
        hint = f"did you mean {near[0]}?" if near else f"kinds are {', '.join(_KINDS)}"
        raise QueryError(f"there is no kind of resource called {kind!r}", hint)


def check_names(
    rollup: Rollup,
    roster: Roster,
    targets: Iterable[common_pb2.Resource],
    far: Iterable[common_pb2.Resource] = (),
) -> None:
    """Refuse names that nothing bears, with the nearest that something does; raises QueryError.

    `far`: what targets talk to, which may be where who asks may not look.
    """
    for target, own in chain(((each, True) for each in targets), ((each, False) for each in far)):
        known = set(roster.places(target.kind))
        known.update(_seen(rollup, target.kind))
        if target.name and not any(names(target, place) for place in known):
            here = {place.name for place in known if target.namespace in ("", place.namespace)}
            elsewhere = sorted({place.namespace for place in known if place.name == target.name})
            near = get_close_matches(target.name, sorted(here), 1)
            where = f" in namespace {target.namespace}" if target.namespace and target.kind != "namespace" else ""
            hint = f"did you mean {near[0]}?" if near else ""
            if not own:
                hint = Elsewhere(hint)
            hint = hint or Elsewhere(f"there is one in namespace {', '.join(elsewhere)}" if elsewhere else "")
            raise QueryError(f"there is no {target.kind} {target.name}{where}", hint, missing=True)


def check_namespace(rollup: Rollup, roster: Roster, namespace: str) -> None:
    """Refuse a namespace that nothing is in; raises QueryError."""
    known = roster.namespaces | {edge.reporter.namespace for edge in rollup.edges}
    if namespace and namespace not in known:
        near = get_close_matches(namespace, sorted(known), 1)
        hint = f"did you mean {near[0]}?" if near else f"namespaces are {', '.join(sorted(known)) or 'none yet'}"
        raise QueryError(f"there is no namespace {namespace}", Elsewhere(hint), missing=True)


def pulse(rollup: Rollup, watermark: int, seconds: int = 10, *, namespace: str = "") -> tuple[float, float]:
    """Return requests per second and the share of successes (NaN: none) of a namespace, or of the whole mesh."""
    of = frame(rollup.ring, stats_pb2.Window(length_ms=seconds * 1000), watermark)
    total = Sum()
    for edge in rollup.edges.values():
        if edge.name.direction == common_pb2.INBOUND and namespace in ("", edge.name.reporter.namespace):
            for line in edge.lines.values():
                total.add_line(line, of.tiles)
    http = total.http(of.seconds)
    return (http.rps, http.success / (http.success + http.failure)) if http is not None else (0.0, nan)


def _seen(rollup: Rollup, kind: str) -> Iterable[Place]:
    for name in rollup.edges:
        if kind == "service":
            if name.service_name:
                yield Place(name.service_namespace, kind, name.service_name)
            continue
        for end in (name.reporter, name.peer):
            place = place_of(end, kind)
            if place is not None:
                yield place
