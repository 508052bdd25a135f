"""Stat rows of a small mesh whose every request is known."""

from math import isnan

import pytest

from meshcore.client.failure import Elsewhere
from meshcore.services.stats.query import QueryError, check_names, check_namespace, pulse, stat
from meshcore.services.stats.roster import Roster
from meshcore.wire import common_pb2, discovery_pb2, stats_pb2
from tests.support.traffic import NOW, Mesh, peer, pod

PODS = [pod("web-0"), pod("emoji-0"), pod("voting-0"), pod("voting-1"), pod("vote-bot-0"), pod("db-0", meshed=False)]
ROSTER = Roster(PODS, [("emojivoto", "web"), ("emojivoto", "voting"), ("emojivoto", "emoji")])
END = NOW + 60


@pytest.fixture
def mesh() -> Mesh:
    """A minute: 2/s to web, 1/s on to voting, of which every request to voting-1 fails."""
    mesh = Mesh()
    for second in range(NOW, END):
        mesh.talk("vote-bot-0", "web-0", [second], count=2, latency_ms=30)
        replica = f"voting-{second % 2}"
        failing = {"failure": True, "grpc_status": 2} if replica == "voting-1" else {"grpc_status": 0}
        mesh.talk("web-0", replica, [second], count=1, protocol=common_pb2.GRPC, route="vote", **failing)
    return mesh


def ask(mesh: Mesh, kind: str = "deployment", name: str = "", at: int = END, **more: object) -> stats_pb2.StatResponse:
    target = common_pb2.Resource(namespace="emojivoto", kind=kind, name=name)
    return stat(mesh.rollup, ROSTER, stats_pb2.StatRequest(targets=[target], **more), at, at * 1000)  # type: ignore[arg-type]


def table(answer: stats_pb2.StatResponse) -> dict[str, tuple[int, int]]:
    return {row.resource.name: (row.http.success, row.http.failure) for row in answer.rows}


def test_rows_are_what_was_received_and_idle_ones_are_there(mesh: Mesh) -> None:
    answer = ask(mesh)
    assert table(answer) == {"emoji": (0, 0), "vote-bot": (0, 0), "voting": (30, 30), "web": (120, 0)}
    rows = {row.resource.name: row for row in answer.rows}
    assert not rows["vote-bot"].HasField("http")
    assert (rows["voting"].meshed, rows["voting"].running, rows["voting"].has_mesh) == (2, 2, True)
    assert rows["web"].http.rps == 2.0
    assert (answer.window.end_ms, answer.window.length_ms, answer.covered_ms) == (END * 1000, 60_000, 60_000)
    assert 20 < rows["web"].http.p50_ms <= 30
    assert rows["web"].http.samples == 120
    assert [(one.grpc_status, one.count) for one in rows["voting"].http.statuses] == [(0, 30), (2, 30)]


def test_kinds(mesh: Mesh) -> None:
    assert table(ask(mesh, "pod"))["voting-1"] == (0, 30)
    assert table(ask(mesh, "service")) == {"emoji": (0, 0), "voting": (30, 30), "web": (120, 0)}
    assert not any(row.has_mesh for row in ask(mesh, "service").rows)
    everywhere = ask(mesh, "namespace").rows
    assert [(row.resource.name, row.http.success, row.meshed, row.running) for row in everywhere] == [
        ("emojivoto", 150, 5, 6)
    ]


def test_unmeshed_rows_show_when_asked_for(mesh: Mesh) -> None:
    assert "db" not in table(ask(mesh))
    assert "db" in table(ask(mesh, unmeshed=True))
    assert "db" in table(ask(mesh, name="db"))


def test_to_and_from_are_what_the_senders_saw(mesh: Mesh) -> None:
    voting = common_pb2.Resource(namespace="emojivoto", kind="deployment", name="voting")
    service = common_pb2.Resource(namespace="emojivoto", kind="service", name="voting")
    web = common_pb2.Resource(namespace="emojivoto", kind="deployment", name="web")
    assert table(ask(mesh, to=voting)) == {"web": (30, 30)}
    assert table(ask(mesh, to=service)) == {"web": (30, 30)}
    assert table(ask(mesh, **{"from": web})) == {"voting": (30, 30)}
    assert table(ask(mesh, "pod", **{"from": web})) == {"voting-0": (30, 0), "voting-1": (0, 30)}
    assert table(ask(mesh, "service", **{"from": web})) == {"voting": (30, 30)}
    namespace = common_pb2.Resource(kind="namespace", name="emojivoto")
    assert table(ask(mesh, to=namespace)) == {"web": (30, 30), "vote-bot": (120, 0)}


def test_from_shows_unmeshed_servers(mesh: Mesh) -> None:
    mesh.tell("web-0", peer("db-0", meshed=False), outbound=True, second=END - 1, opened=1, tls=common_pb2.TLS_NONE)
    web = common_pb2.Resource(namespace="emojivoto", kind="deployment", name="web")
    rows = {row.resource.name: row for row in ask(mesh, **{"from": web}).rows}
    assert rows["db"].tcp.opened == 1
    assert not rows["db"].HasField("http")


def test_windows_and_past_times(mesh: Mesh) -> None:
    window = stats_pb2.Window(length_ms=10_000)
    assert table(ask(mesh, name="web", window=window)) == {"web": (20, 0)}
    past = stats_pb2.Window(length_ms=10_000, end_ms=(NOW + 20) * 1000)
    answer = ask(mesh, name="web", window=past)
    assert table(answer) == {"web": (20, 0)}
    assert answer.window.end_ms == (NOW + 20) * 1000
    future = stats_pb2.Window(length_ms=10_000, end_ms=(NOW + 999) * 1000)
    assert ask(mesh, window=future).window.end_ms == END * 1000


def test_a_young_ring_divides_by_what_it_covers(mesh: Mesh) -> None:
    answer = ask(mesh, name="web", window=stats_pb2.Window(length_ms=600_000))
    assert answer.covered_ms == 60_000
    assert answer.window.length_ms >= 600_000
    assert answer.rows[0].http.rps == 2.0


def test_series_add_up_to_the_row(mesh: Mesh) -> None:
    row = ask(mesh, name="voting", points=60, step_ms=1000).rows[0]
    assert row.series.start_ms == NOW * 1000
    assert sum(row.series.rps) == row.http.success + row.http.failure
    assert {round(share, 2) for share in row.series.success} == {0.0, 1.0}
    wide = ask(mesh, name="voting", points=12, step_ms=10_000).rows[0].series
    assert [isnan(rate) for rate in wide.rps] == [True] * 6 + [False] * 6
    assert wide.rps[-1] == 1.0
    assert wide.success[-1] == 0.5
    assert isnan(wide.p50_ms[0])
    idle = ask(mesh, name="emoji", points=5).rows[0].series
    assert list(idle.rps) == [0.0] * 5
    assert all(isnan(share) for share in idle.success)


def test_by_route(mesh: Mesh) -> None:
    rows = ask(mesh, by_route=True).rows
    assert [(row.resource.name, row.route) for row in rows] == [("voting", "vote"), ("web", "")]


def test_tcp_only_workloads_have_values() -> None:
    mesh = Mesh()
    for second in range(NOW, END):
        opened = 2 if second == NOW else 0
        mesh.tell(
            "web-0", peer("emoji-0"), outbound=False, second=second, opened=opened, open_now=2, bytes_each_way=100
        )
    row = ask(mesh, name="web").rows[0]
    assert not row.HasField("http")
    assert (row.tcp.open, row.tcp.opened, row.tcp.read_bps, row.tcp.write_bps) == (2, 2, 100.0, 100.0)
    assert ask(mesh, name="web", at=END + 10).rows[0].tcp.open == 0  # nobody says that they are still open


def test_failing_instances_are_counted() -> None:
    roster = Roster(
        [pod("web-0"), pod("web-1", phase=discovery_pb2.FAILING), pod("web-2", phase=discovery_pb2.STOPPING)]
    )
    target = common_pb2.Resource(kind="deployment", name="web")
    row = stat(Mesh().rollup, roster, stats_pb2.StatRequest(targets=[target]), END, 0).rows[0]
    assert (row.meshed, row.running, row.failing) == (2, 2, 1)
    target = common_pb2.Resource(kind="pod")
    rows = stat(Mesh().rollup, roster, stats_pb2.StatRequest(targets=[target], unmeshed=True), END, 0).rows
    assert [row.status for row in rows] == ["Running", "Failing", "Terminating"]


def test_pulse(mesh: Mesh) -> None:
    rps, success = pulse(mesh.rollup, END)
    assert rps == 3.0
    assert success == pytest.approx(2.5 / 3)
    rps, success = pulse(Mesh().rollup, END)
    assert rps == 0.0
    assert isnan(success)


@pytest.mark.parametrize(
    ("request_", "line", "hint"),
    [
        (stats_pb2.StatRequest(), "no resource", "deployment"),
        ({"kind": "deploymant"}, "no kind of resource called 'deploymant'", "did you mean deployment?"),
        ({"kind": "service", "to": "web"}, "a service sends nothing", "workload"),
    ],
)
def test_nonsense_is_refused(request_: object, line: str, hint: str) -> None:
    if isinstance(request_, dict):
        to = common_pb2.Resource(kind="deployment", name=request_["to"]) if "to" in request_ else None
        request_ = stats_pb2.StatRequest(targets=[common_pb2.Resource(kind=request_["kind"])], to=to)
    assert isinstance(request_, stats_pb2.StatRequest)
    with pytest.raises(QueryError, match=line) as caught:
        stat(Mesh().rollup, ROSTER, request_, END, 0)
    assert hint in caught.value.hint


def test_names_that_nothing_bears(mesh: Mesh) -> None:
    def lookup(name: str, namespace: str = "emojivoto", kind: str = "deployment") -> str:
        target = common_pb2.Resource(namespace=namespace, kind=kind, name=name)
        with pytest.raises(QueryError) as caught:
            check_names(mesh.rollup, ROSTER, [target])
        assert caught.value.missing
        return f"{caught.value}; {caught.value.hint}"

    assert lookup("vting") == "there is no deployment vting in namespace emojivoto; did you mean voting?"
    assert lookup("web", "emojivotto") == (
        "there is no deployment web in namespace emojivotto; there is one in namespace emojivoto"
    )
    assert lookup("web-7", kind="pod").endswith("did you mean web-0?")
    there = common_pb2.Resource(namespace="emojivoto", kind="deployment", name="vting")
    with pytest.raises(QueryError) as caught:
        check_names(mesh.rollup, ROSTER, [], [there])
    assert isinstance(caught.value.hint, Elsewhere)  # not for everybody to know
    with pytest.raises(QueryError, match="there is no namespace emoji") as caught:
        check_namespace(mesh.rollup, ROSTER, "emoji")
    assert caught.value.hint == "did you mean emojivoto?"
    check_namespace(mesh.rollup, ROSTER, "emojivoto")
