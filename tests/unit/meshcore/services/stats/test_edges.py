"""Edges: both ends' reports make one pair, and nothing is called secured that nobody proved."""

from meshcore.services.stats.edges import edges
from meshcore.services.stats.roster import Roster
from meshcore.wire import common_pb2, stats_pb2
from tests.support.traffic import NOW, Mesh, peer, pod

END = NOW + 60
MINUTE = range(NOW, END)


def ask(mesh: Mesh, roster: Roster | None = None, kind: str = "deployment", **more: object) -> list[stats_pb2.Edge]:
    request = stats_pb2.EdgesRequest(kind=kind, **more)  # type: ignore[arg-type]
    return list(edges(mesh.rollup, roster or Roster([]), request, END, END * 1000).edges)


def test_both_ends_are_one_edge_with_both_identities() -> None:
    mesh = Mesh()
    mesh.talk("web-0", "voting-0", MINUTE, count=2)
    mesh.talk("web-0", "voting-1", MINUTE, count=1, failure=True)
    (edge,) = ask(mesh)
    assert (edge.src.name, edge.dst.name) == ("web", "voting")
    assert (edge.src.identity, edge.dst.identity) == (
        "spiffe://local/ns/emojivoto/sa/web",
        "spiffe://local/ns/emojivoto/sa/voting",
    )
    assert (edge.sent.success, edge.sent.failure, edge.sent.rps) == (120, 60, 3.0)
    assert (edge.received.success, edge.received.failure) == (120, 60)
    assert (edge.secured, edge.tls) == (1.0, common_pb2.TLS_MUTUAL)
    assert (edge.src_meshed, edge.dst_meshed) == (True, True)
    assert list(edge.protocols) == [common_pb2.HTTP1]
    assert [(one.src.pod, one.dst.pod) for one in ask(mesh, kind="pod")] == [
        ("web-0", "voting-0"),
        ("web-0", "voting-1"),
    ]


def test_mixed_traffic_is_shown_as_its_share() -> None:
    mesh = Mesh()
    mesh.talk("web-0", "voting-0", MINUTE, count=3)
    mesh.talk("web-0", "voting-1", MINUTE, count=1, tls=common_pb2.TLS_NONE, reason="no_tls_from_remote")
    (edge,) = ask(mesh)
    assert (edge.secured, edge.tls) == (0.75, common_pb2.TLS_NONE)
    assert list(edge.no_tls_reasons) == ["no_tls_from_remote"]


def test_unknown_is_never_secured() -> None:
    mesh = Mesh()
    mesh.tell("web-0", peer("voting-0"), outbound=True, second=NOW, count=4, tls=common_pb2.TLS_UNKNOWN)
    (edge,) = ask(mesh)
    assert (edge.secured, edge.tls) == (0.0, common_pb2.TLS_UNKNOWN)
    assert edge.dst.identity == ""
    mesh.tell("voting-0", peer("web-0"), outbound=False, second=NOW, count=4)
    (edge,) = ask(mesh)
    assert (edge.secured, edge.tls) == (0.0, common_pb2.TLS_UNKNOWN)  # one end's word is not enough


def test_unmeshed_ends_by_address_or_name() -> None:
    mesh = Mesh()
    nobody = common_pb2.Peer(address="10.9.9.9:5555")
    mesh.tell("web-0", nobody, outbound=False, second=NOW, count=1, tls=common_pb2.TLS_NONE)
    mesh.tell("web-0", nobody, outbound=True, second=NOW, count=1, service="api.example.com", tls=common_pb2.TLS_NONE)
    mesh.tell("web-0", peer("db-0", meshed=False), outbound=True, second=NOW, opened=1, tls=common_pb2.TLS_NONE)
    found = {(one.src.name or one.src.address, one.dst.name): one for one in ask(mesh)}
    assert set(found) == {("10.9.9.9", "web"), ("web", "api.example.com"), ("web", "db")}
    assert not found["10.9.9.9", "web"].src_meshed
    assert found["web", "api.example.com"].dst.address == "10.9.9.9:5555"
    assert list(found["web", "db"].protocols) == [common_pb2.TCP]
    assert not found["web", "db"].dst_meshed


def test_a_bare_identity_is_named_only_if_it_is_one_workloads() -> None:
    mesh = Mesh()
    bare = common_pb2.Peer(identity="spiffe://local/ns/emojivoto/sa/vote-bot", address="127.0.0.1:4711")
    mesh.tell("web-0", bare, outbound=False, second=NOW, count=1)
    (edge,) = ask(mesh, Roster([pod("vote-bot-0"), pod("web-0")]))
    assert (edge.src.name, edge.src.identity) == ("vote-bot", "spiffe://local/ns/emojivoto/sa/vote-bot")
    shared = [pod("vote-bot-0"), pod("other-0")]
    shared[1].identity = shared[0].identity
    (edge,) = ask(mesh, Roster(shared))
    assert (edge.src.name, edge.src.address) == ("", "127.0.0.1")


def test_filters() -> None:
    mesh = Mesh()
    mesh.talk("web-0", "voting-0", [NOW])
    mesh.talk("vote-bot-0", "web-0", [NOW])
    far = peer("db-0", namespace="data")
    mesh.tell("web-0", far, outbound=True, second=NOW, count=1)
    assert len(ask(mesh)) == 3
    assert [edge.dst.name for edge in ask(mesh, namespace="data")] == ["db"]
    assert [edge.src.name for edge in ask(mesh, name="vote-bot")] == ["vote-bot"]
    assert len(ask(mesh, name="web")) == 3
    assert {(edge.src.name, edge.dst.name) for edge in ask(mesh, kind="namespace")} == {
        ("emojivoto", "emojivoto"),
        ("emojivoto", "data"),
    }
    assert ask(mesh, kind="statefulset") == []


def test_an_edge_leaves_with_the_window_and_stays_while_connections_are_open() -> None:
    mesh = Mesh()
    mesh.talk("web-0", "voting-0", [NOW - 100])
    assert ask(mesh) == []
    for second in MINUTE:
        mesh.tell("web-0", peer("voting-0"), outbound=True, second=second, open_now=1)
    (edge,) = ask(mesh, window=stats_pb2.Window(length_ms=10_000))
    assert (edge.tcp.open, edge.tcp.opened, edge.secured) == (1, 0, 1.0)
