"""Who calls whom: workloads as nodes, their calls as edges, read from the edges of the wire.

The graph screen reads answers into a Graph, lets a Memory keep what went quiet, folds namespaces, and hands the
rest to `layout` and `drawing`. Pure.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from meshcore.wire import stats_pb2
from meshcore.wire.common_pb2 import Peer, Protocol, Tls
from meshcore.wire.stats_pb2 import EdgesResponse, HttpStats


class Node(NamedTuple):
    """The name of a node. Kind is empty for a peer of which only an identity or an address is known."""

    namespace: str
    kind: str
    name: str


Call = tuple[Node, Node]  # caller, callee


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests in the window; quantiles in ms, NaN where they cannot be had."""

    success: int = 0
    failure: int = 0
    rps: float = 0.0
    p50: float = math.nan
    p95: float = math.nan
    p99: float = math.nan

    @property
    def share(self) -> float:
        """Successes over all (0 to 1); NaN without requests."""
        total = self.success + self.failure
        return self.success / total if total else math.nan


@dataclass(frozen=True, slots=True)
class Edge:
    """All calls from one node to another."""

    caller: Node
    callee: Node
    http: Traffic = field(default_factory=Traffic)
    tls: "Tls.ValueType" = Tls.TLS_UNKNOWN
    secured: float = 0.0
    reasons: tuple[str, ...] = ()
    protocols: tuple["Protocol.ValueType", ...] = ()
    tcp_open: int = 0
    tcp_bps: float = 0.0  # both ways
    quiet: bool = False  # known from before, nothing in this window


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes with what they received, and edges; both in a stable order."""

    nodes: dict[Node, Traffic]
    edges: dict[Call, Edge]
    meshed: frozenset[Node] = frozenset()
    loops: dict[Node, Edge] = field(default_factory=dict)  # calls to itself, drawn as a sign in its box
    folded: dict[Node, int] = field(default_factory=dict)  # nodes that stand for a namespace, and of how many

    @property
    def namespaces(self) -> list[str]:
        """All namespaces, in order."""
        return sorted({node.namespace for node in self.nodes})

    def callees(self, node: Node) -> list[Node]:
        """Return whom a node calls."""
        return [callee for caller, callee in self.edges if caller == node]

    def callers(self, node: Node) -> list[Node]:
        """Return who calls a node."""
        return [caller for caller, callee in self.edges if callee == node]


def read(answer: EdgesResponse) -> Graph:
    """Return the graph of an answer."""
    meshed: set[Node] = set()
    edges: list[Edge] = []
    for each in answer.edges:
        caller, callee = _node(each.src), _node(each.dst)
        meshed.update(node for node, has in ((caller, each.src_meshed), (callee, each.dst_meshed)) if has)
        edges.append(_edge(caller, callee, each))
    return build(edges, meshed)


def build(edges: Iterable[Edge], meshed: Collection[Node] = (), nodes: Iterable[Node] = ()) -> Graph:
    """Return the graph of edges; edges between the same two nodes are added up."""
    parts: dict[Call, list[Edge]] = defaultdict(list)
    for edge in edges:
        parts[edge.caller, edge.callee].append(edge)
    summed = {call: _sum(parts[call]) for call in sorted(parts)}
    names = sorted({end for call in summed for end in call} | set(nodes))
    received = {node: _total([e.http for (_, callee), e in summed.items() if callee == node]) for node in names}
    loops = {caller: edge for (caller, callee), edge in summed.items() if caller == callee}
    between = {call: edge for call, edge in summed.items() if call[0] != call[1]}
    return Graph(received, between, frozenset(meshed), loops)


def fold(graph: Graph, namespaces: Collection[str]) -> Graph:
    """Return the graph with each of `namespaces` as one node; calls inside it become its loop."""

    def of(node: Node) -> Node:
        return Node(node.namespace, "namespace", node.namespace) if node.namespace in namespaces else node

    every = [*graph.edges.values(), *graph.loops.values()]
    folded = build(
        [replace(edge, caller=of(edge.caller), callee=of(edge.callee)) for edge in every],
        {of(node) for node in graph.meshed},
        {of(node) for node in graph.nodes},
    )
    members: dict[Node, int] = defaultdict(int)
    for node in graph.nodes:
        members[of(node)] += 1
    return replace(folded, folded={node: members[node] for node in folded.nodes if node not in graph.nodes})


def around(graph: Graph, node: Node, steps: int = 1) -> Graph:
    """Return what is within `steps` calls of a node, either way."""
    near = {node}
    for _ in range(steps):
        near |= {end for call in graph.edges if near & set(call) for end in call}
    return only(graph, near)


def only(graph: Graph, nodes: Collection[Node]) -> Graph:
    """Return the graph of some nodes and what is between them."""
    return replace(
        graph,
        nodes={node: traffic for node, traffic in graph.nodes.items() if node in nodes},
        edges={call: edge for call, edge in graph.edges.items() if call[0] in nodes and call[1] in nodes},
        loops={node: edge for node, edge in graph.loops.items() if node in nodes},
    )


def busiest(graph: Graph, most: int) -> Graph:
    """Return the graph of at most `most` nodes: first those that fail, then those with the most requests."""
    if len(graph.nodes) <= most:
        return graph

    def weight(node: Node) -> tuple[float, float, Node]:
        touching = [edge.http for call, edge in graph.edges.items() if node in call]
        return (-sum(http.failure for http in touching), -sum(http.rps for http in touching), node)

    return only(graph, set(sorted(graph.nodes, key=weight)[:most]))


class Memory:
    """Keeps nodes and edges for a while after they went quiet, so that the picture does not jump."""

    def __init__(self, keep: int = 60) -> None:
        self._keep = keep  # answers for which something quiet stays
        self._edges: dict[Call, tuple[int, Edge]] = {}
        self._meshed: dict[Node, bool] = {}

    def learn(self, graph: Graph) -> Graph:
        """Return the graph with what was there lately; what is quiet is marked so."""
        for call, edge in [*graph.edges.items(), *(((node, node), loop) for node, loop in graph.loops.items())]:
            self._edges[call] = (self._keep, edge)
        self._meshed.update((node, node in graph.meshed) for node in graph.nodes)
        edges = []
        for call, (left, edge) in list(self._edges.items()):
            if left <= 0:
                del self._edges[call]
                continue
            self._edges[call] = (left - 1, edge)
            heard = left == self._keep
            edges.append(edge if heard else replace(edge, http=Traffic(), tcp_open=0, tcp_bps=0.0, quiet=True))
        return build(edges, {node for node, has in self._meshed.items() if has}, graph.nodes)


def _node(peer: Peer) -> Node:
    if peer.name:
        return Node(peer.namespace, peer.kind, peer.name)
    account = peer.identity.split("/")
    known = f"{account[6]}.{account[4]}" if len(account) == 7 else peer.identity
    return Node(peer.namespace, "", peer.pod or known or peer.address or "unknown")


def _edge(caller: Node, callee: Node, each: stats_pb2.Edge) -> Edge:
    seen = each.sent if each.HasField("sent") else each.received
    return Edge(
        caller,
        callee,
        _traffic(seen),
        each.tls,
        each.secured,
        tuple(each.no_tls_reasons),
        tuple(each.protocols),
        int(each.tcp.open),
        each.tcp.read_bps + each.tcp.write_bps,
    )


def _traffic(http: HttpStats) -> Traffic:
    some = http.samples > 0
    p50, p95, p99 = (http.p50_ms, http.p95_ms, http.p99_ms) if some else (math.nan,) * 3
    return Traffic(http.success, http.failure, http.rps, p50, p95, p99)


def _total(parts: list[Traffic]) -> Traffic:
    """Return the sum; a quantile of several parts is unknown, its upper bound is their highest."""
    if len(parts) == 1:
        return parts[0]

    def highest(values: Iterable[float]) -> float:
        return max((value for value in values if not math.isnan(value)), default=math.nan)

    return Traffic(
        sum(part.success for part in parts),
        sum(part.failure for part in parts),
        sum(part.rps for part in parts),
        highest(part.p50 for part in parts),
        highest(part.p95 for part in parts),
        highest(part.p99 for part in parts),
    )


def _sum(parts: list[Edge]) -> Edge:
    if len(parts) == 1:
        return parts[0]
    kinds = {part.tls for part in parts}
    weights = [max(1, part.http.success + part.http.failure) for part in parts]
    return Edge(
        parts[0].caller,
        parts[0].callee,
        _total([part.http for part in parts]),
        kinds.pop() if len(kinds) == 1 else (Tls.TLS_NONE if Tls.TLS_NONE in kinds else Tls.TLS_UNKNOWN),
        sum(part.secured * weight for part, weight in zip(parts, weights, strict=True)) / sum(weights),
        tuple(sorted({reason for part in parts for reason in part.reasons})),
        tuple(sorted({protocol for part in parts for protocol in part.protocols})),
        sum(part.tcp_open for part in parts),
        sum(part.tcp_bps for part in parts),
        all(part.quiet for part in parts),
    )
