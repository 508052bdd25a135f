"""All that was counted: the edges of this sidecar and their cells, bounded, and what changed since the last look.

stages/measure and the hosts resolve an Edge and its cells once and add to the cells' slots; nothing here runs per
request. feeds/stats drains once a second, admin/metrics prints the totals. Totals only grow. No protobuf in here.
"""

from typing import NamedTuple, Protocol

from agents.sidecar.state.cells import HttpCell, HttpDelta, TcpCell

MAX_EDGES = 2000
MAX_CELLS = 5000
MAX_NAMES = 500
CELLS_PER_EDGE = 300
INBOUND, OUTBOUND = 1, 2  # common.proto, Direction


class Far(Protocol):
    """The other end of an edge (state/peers.Peer)."""

    @property
    def namespace(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def pod(self) -> str: ...
    @property
    def service_account(self) -> str: ...
    @property
    def identity(self) -> str: ...
    @property
    def address(self) -> str: ...
    def __hash__(self) -> int: ...


class Edge:
    """The traffic between this workload and one other end, for one service, in one direction."""

    __slots__ = (
        "_counters",
        "cells",
        "direction",
        "id",
        "no_tls_reason",
        "peer",
        "port",
        "service_name",
        "service_namespace",
        "tcp",
        "tls",
    )

    def __init__(
        self,
        counters: "Counters",
        direction: int,
        peer: Far | None,
        service_namespace: str,
        service_name: str,
        port: int,
        tls: int,
        no_tls_reason: str,
    ) -> None:
        self._counters = counters
        self.id = counters.next_id()
        self.direction = direction
        self.peer = peer  # None: the overflow edge, where everything lands that found no room
        self.service_namespace = service_namespace
        self.service_name = service_name
        self.port = port
        self.tls = tls
        self.no_tls_reason = no_tls_reason
        self.tcp = TcpCell()
        self.cells: dict[tuple[str, int, int, int | None, int, str], HttpCell] = {}

    def http(
        self, route: str, protocol: int, status: int, grpc_status: int | None, classification: int, error: str
    ) -> HttpCell:
        """Return the cell of one kind of answer. Callers keep it and add to its slots."""
        key = (route, protocol, status, grpc_status, classification, error)
        cell = self.cells.get(key)
        if cell is None:
            if len(self.cells) >= CELLS_PER_EDGE or self._counters.full:
                # Details are given up, never the class: success rates stay exact.
                self._counters.overflowed += 1
                key = ("", 0, 0, None, classification, "overflow")
                cell = self.cells.get(key)
                if cell is not None:
                    return cell
            cell = self.cells[key] = HttpCell(self._counters.next_id(), self, *key)
            self._counters.cells += 1
        return cell

    def moved(self) -> tuple[int, int]:
        """Return the bytes that were read from the peer and written to it; of requests these are the bodies.

        Bodies stand for a connection's bytes: heads are not worth a count per read, nor bodies a second count.
        """
        asked = answered = 0
        for cell in self.cells.values():
            asked += cell.request_bytes
            answered += cell.response_bytes
        if self.direction == OUTBOUND:
            asked, answered = answered, asked
        return self.tcp.read_bytes + asked, self.tcp.written_bytes + answered


class TcpDelta(NamedTuple):
    """What one edge's connections did since the last drain; `open` is how many there are now."""

    edge: Edge
    opened: int
    closed: int
    read_bytes: int
    written_bytes: int
    open: int


class Drained(NamedTuple):
    """Everything that changed since the last drain."""

    http: list[HttpDelta]
    tcp: list[TcpDelta]


class Counters:
    """All edges of a sidecar. Bounded: clients choose names and statuses, so what finds no room shares one edge."""

    def __init__(self, max_edges: int = MAX_EDGES, max_cells: int = MAX_CELLS) -> None:
        self.edges: dict[tuple[object, ...], Edge] = {}
        self.cells = 0
        self.overflowed = 0  # lookups that found no room
        self.inflight = 0  # requests that have begun and not ended
        self.elsewhere = 0  # requests that have ended in other processes, whose counts were added to ours
        self.names: dict[tuple[int, int, str], int] = {}  # connections by direction, port and name asked for (SNI)
        self._overflow: dict[int, Edge] = {}
        self._max_edges = max_edges
        self._max_cells = max_cells
        self._last_id = 0

    @property
    def full(self) -> bool:
        return self.cells >= self._max_cells

    @property
    def connections(self) -> int:
        """Connections that are open now, in both directions."""
        return sum(edge.tcp.open for edge in self.all())

    @property
    def begun(self) -> int:
        """Requests that have begun in this process."""
        ended = sum([cell.count for edge in self.all() for cell in edge.cells.values()])
        return ended - self.elsewhere + self.inflight

    def next_id(self) -> int:
        """Return a number that no other edge or cell of this process has."""
        self._last_id += 1
        return self._last_id

    def all(self) -> list[Edge]:
        """Return every edge, those of the overflow last."""
        return [*self.edges.values(), *self._overflow.values()]

    def edge(
        self,
        direction: int,
        peer: Far,
        service_namespace: str,
        service_name: str,
        port: int,
        tls: int,
        no_tls_reason: str,
    ) -> Edge:
        """Return the edge of one other end and one service. Callers keep it."""
        # A client's port is new with each connection: addresses tell only servers without a name apart.
        address = peer.address if direction == OUTBOUND and not (peer.pod or peer.name) else ""
        key = (
            direction,
            peer.namespace,
            peer.kind,
            peer.name,
            peer.pod,
            peer.service_account,
            peer.identity,
            address,
            service_namespace,
            service_name,
            port,
            tls,
            no_tls_reason,
        )
        edge = self.edges.get(key)
        if edge is None:
            if len(self.edges) >= self._max_edges:
                self.overflowed += 1
                return self.overflow(direction)
            edge = Edge(self, direction, peer, service_namespace, service_name, port, tls, no_tls_reason)
            self.edges[key] = edge
        return edge

    def named(self, direction: int, port: int, name: str, count: int = 1) -> None:
        """A connection of somebody else's TLS asks for a server by name; no name is counted, too."""
        key = (direction, port, name)
        if key not in self.names and len(self.names) >= MAX_NAMES:
            self.overflowed += 1
            key = (direction, 0, "")
        self.names[key] = self.names.get(key, 0) + count

    def overflow(self, direction: int) -> Edge:
        """Return the edge of everything that found no room."""
        edge = self._overflow.get(direction)
        if edge is None:
            edge = self._overflow[direction] = Edge(self, direction, None, "", "", 0, 0, "")
        return edge

    def drain(self) -> Drained:
        """Return what changed since the last drain, and remember that it was told."""
        http: list[HttpDelta] = []
        tcp: list[TcpDelta] = []
        for edge in self.all():
            http += [cell.drain() for cell in edge.cells.values() if cell.count != cell.drained_count]
            cells = edge.tcp
            now = (cells.opened, cells.closed, *edge.moved())
            if now != cells.drained:
                opened, closed, read, written = cells.drained
                cells.drained = now
                tcp.append(
                    TcpDelta(edge, now[0] - opened, now[1] - closed, now[2] - read, now[3] - written, cells.open)
                )
            elif cells.open:
                # A gauge is told again, so that a control plane that has restarted knows it too.
                tcp.append(TcpDelta(edge, 0, 0, 0, 0, cells.open))
        return Drained(http, tcp)
