"""What is counted: every edge that a sidecar reports, with a series per kind of answer, interned and bounded.

An Edge is seen by one reporter in one direction; the two reports about one pair are joined when a question is
asked, never here. The intake resolves the ids of its stream to Lines once and then only adds. When there is no
room for another series, its numbers go to the reporter's overflow edge: totals, classes and latencies of the
workload stay exact, who was at the other end is no longer told. Pure.
"""

from typing import NamedTuple

from meshcore.services.stats.ring import Ring, Track
from meshcore.wire import common_pb2

MAX_SERIES = 5_000
OVERFLOW = "overflow"


class End(NamedTuple):
    """One end of an edge, as reported; see Peer in common.proto."""

    namespace: str = ""
    kind: str = ""
    name: str = ""
    pod: str = ""
    service_account: str = ""
    identity: str = ""
    address: str = ""


class EdgeName(NamedTuple):
    """What makes two reports be of the same edge."""

    reporter: End
    direction: common_pb2.Direction.ValueType
    peer: End
    service_namespace: str = ""
    service_name: str = ""
    port: int = 0
    tls: common_pb2.Tls.ValueType = common_pb2.TLS_UNKNOWN
    no_tls_reason: str = ""


class LineName(NamedTuple):
    """One kind of answer on an edge; see HttpKey in stats.proto."""

    route: str
    protocol: common_pb2.Protocol.ValueType
    status: int
    grpc_status: int | None
    classification: common_pb2.Class.ValueType
    error: str


class Line:
    """One HTTP series. Its track is None once the ring has forgotten all of it."""

    __slots__ = ("edge", "name", "track")

    def __init__(self, edge: "Edge", name: LineName) -> None:
        self.edge = edge
        self.name = name
        self.track: Track | None = None


class Edge:
    """One edge as one end saw it: HTTP by kind of answer, and connections as a flow and a gauge."""

    __slots__ = ("flow", "lines", "name", "open")

    def __init__(self, name: EdgeName) -> None:
        self.name = name
        self.lines: dict[LineName, Line] = {}
        self.flow: Track | None = None
        self.open: Track | None = None


class Rollup:
    """All edges, and the ring that their series live in."""

    def __init__(self, ring: Ring, max_series: int = MAX_SERIES) -> None:
        self.ring = ring
        self.edges: dict[EdgeName, Edge] = {}
        self.overflowed = 0  # deltas that found no room
        self._max_series = max_series

    @property
    def series(self) -> int:
        return len(self.ring.tracks)

    def line(self, edge_name: EdgeName, name: LineName) -> Line:
        """Return the series of one kind of answer on one edge; it takes no room before something is counted."""
        edge = self.edges.get(edge_name) or Edge(edge_name)
        return edge.lines.get(name) or Line(edge, name)

    def count(self, line: Line, second: int, packed: int) -> Line:
        """Add requests to a series; return the Line to add the next to, which is another one if this had no room."""
        track = line.track
        if track is None:
            line, track = self._admit(line.edge.name, line.name)
        self.ring.put(track, second, packed)
        return line

    def _admit(self, edge_name: EdgeName, name: LineName) -> tuple[Line, Track]:
        edge = self.edges.get(edge_name)
        line = edge.lines.get(name) if edge else None
        if line is None and self.series >= self._max_series:
            self.overflowed += 1
            edge_name, name = (
                _overflow(edge_name),
                LineName("", common_pb2.PROTOCOL_UNKNOWN, 0, None, name.classification, OVERFLOW),
            )
        edge = self._edge(edge_name)
        line = edge.lines.get(name)
        if line is None:
            line = edge.lines[name] = Line(edge, name)
        if line.track is None:
            line.track = self.ring.track()
        return line, line.track

    def _edge(self, name: EdgeName) -> Edge:
        edge = self.edges.get(name)
        if edge is None:
            edge = self.edges[name] = Edge(name)
        return edge

    def connections(self, name: EdgeName, second: int, packed: int, open_now: int) -> None:
        """Add what connections did on an edge, and set how many there are."""
        edge = self.edges.get(name)
        if (edge is None or edge.flow is None) and self.series >= self._max_series:
            self.overflowed += 1
            name = _overflow(name)
        edge = self._edge(name)
        if edge.flow is None:
            edge.flow = self.ring.track()
        if edge.open is None:
            edge.open = self.ring.track()
        self.ring.put(edge.flow, second, packed)
        self.ring.set(edge.open, second, open_now)

    def join(self, edge_name: EdgeName, name: LineName, held: Track) -> None:
        """Take over what somebody else counted of a series. Where there is no room for it, it stays unknown here."""
        edge = self.edges.get(edge_name)
        line = edge.lines.get(name) if edge else None
        if line is None and self.series >= self._max_series:
            self.overflowed += 1
            return
        _, track = self._admit(edge_name, name)
        self.ring.join(track, held)

    def join_connections(self, name: EdgeName, flow: Track | None, open_now: Track | None) -> None:
        """Take over what somebody else knows of an edge's connections."""
        edge = self.edges.get(name)
        if (edge is None or edge.flow is None) and self.series >= self._max_series:
            self.overflowed += 1
            return
        edge = self._edge(name)
        if edge.flow is None:
            edge.flow = self.ring.track()
        if edge.open is None:
            edge.open = self.ring.track()
        for track, held in ((edge.flow, flow), (edge.open, open_now)):
            if held is not None:
                self.ring.join(track, held)

    def sweep(self) -> None:
        """Forget what the ring no longer holds."""
        idle = set(self.ring.sweep())
        if not idle:
            return
        for name, edge in list(self.edges.items()):
            for line_name, line in list(edge.lines.items()):
                if line.track in idle:
                    line.track = None
                    del edge.lines[line_name]
            if edge.flow in idle:
                edge.flow = None
            if edge.open in idle:
                edge.open = None
            if not edge.lines and edge.flow is None and edge.open is None:
                del self.edges[name]


def _overflow(name: EdgeName) -> EdgeName:
    return EdgeName(name.reporter, name.direction, End())
