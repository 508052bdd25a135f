"""Graphs read from edges: sums, folding, surroundings, and what is remembered."""

import math

from meshcore.wire.common_pb2 import Peer, Tls
from meshcore.wire.stats_pb2 import Edge, EdgesResponse, HttpStats, TcpStats
from meshtui.model.graph import Graph, Memory, Node, around, busiest, fold, read
from tests.support.edges import EMOJIVOTO, answer


def n(name: str, namespace: str = "emojivoto") -> Node:
    return Node(namespace, "deployment", name)


def test_emojivoto() -> None:
    graph = read(answer(EMOJIVOTO))
    assert [node.name for node in graph.nodes] == ["emoji", "vote-bot", "voting", "web"]
    assert graph.nodes[n("voting")].share == 0.84
    assert math.isnan(graph.nodes[n("vote-bot")].share)
    assert graph.callees(n("web")) == [n("emoji"), n("voting")]
    assert graph.callers(n("web")) == [n("vote-bot")]


def test_a_node_receives_the_sum_of_its_edges() -> None:
    graph = read(answer("a>c:1:100 b>c:3:50"))
    assert (graph.nodes[n("c")].share, graph.nodes[n("c")].rps) == (0.75, 4.0)


def test_unmeshed_peers_keep_what_is_known_of_them() -> None:
    edge = Edge(
        src=Peer(address="10.0.0.9:1"), dst=Peer(namespace="x", identity="spiffe://local/ns/x/sa/y"), dst_meshed=True
    )
    graph = read(EdgesResponse(edges=[edge]))
    assert list(graph.nodes) == [Node("", "", "10.0.0.9:1"), Node("x", "", "y.x")]
    assert graph.meshed == {Node("x", "", "y.x")}


def test_tcp_alone_has_no_success() -> None:
    peers = Peer(namespace="a", kind="deployment", name="x"), Peer(namespace="a", kind="deployment", name="y")
    edge = Edge(src=peers[0], dst=peers[1], tcp=TcpStats(open=3, read_bps=10, write_bps=5))
    (found,) = read(EdgesResponse(edges=[edge])).edges.values()
    assert math.isnan(found.http.share)
    assert (found.tcp_open, found.tcp_bps) == (3, 15.0)


def test_edges_between_the_same_two_are_added_up_and_never_more_secure_than_one_of_them() -> None:
    parts = answer("a>b:1:100 a>b:2:50!")
    (edge,) = read(parts).edges.values()
    assert (edge.http.rps, edge.http.share) == (3.0, 0.75)
    assert edge.tls == Tls.TLS_NONE
    assert edge.secured == 0.5


def test_folding_a_namespace() -> None:
    graph = fold(read(answer("in.edge>a.shop:1:100 a.shop>b.shop:5:90 b.shop>db.data:2:100")), {"shop"})
    shop = Node("shop", "namespace", "shop")
    assert [node.name for node in graph.nodes] == ["db", "in", "shop"]
    assert graph.folded == {shop: 2}
    assert graph.loops[shop].http.rps == 5.0
    assert shop in graph.meshed
    assert len(graph.edges) == 2


def test_surroundings() -> None:
    graph = around(read(answer("a>b b>c c>d")), n("b"))
    assert [node.name for node in graph.nodes] == ["a", "b", "c"]


def test_of_a_crowd_the_failing_and_the_busiest_stay() -> None:
    graph = busiest(read(answer("a>b:90:100 c>d:1:50 e>f:5:100")), 4)
    assert [node.name for node in graph.nodes] == ["a", "b", "c", "d"]
    assert busiest(graph, 4) is graph


def test_what_goes_quiet_stays_a_while() -> None:
    memory = Memory(keep=2)
    memory.learn(read(answer(EMOJIVOTO)))
    once = memory.learn(Graph({}, {}))
    assert list(once.nodes) == list(read(answer(EMOJIVOTO)).nodes)
    assert all(edge.quiet and edge.http == type(edge.http)() for edge in once.edges.values())
    assert once.meshed
    memory.learn(Graph({}, {}))
    assert not memory.learn(Graph({}, {})).nodes


def test_quantiles_without_samples_are_unknown() -> None:
    edge = Edge(src=Peer(name="a"), dst=Peer(name="b"), sent=HttpStats(success=1, rps=1))
    (found,) = read(EdgesResponse(edges=[edge])).edges.values()
    assert math.isnan(found.http.p95)
