"""Reports against a naive model: whatever is lost, resent or repeated on the way, each is counted once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshcore.services.stats import intake as intake_module
from meshcore.services.stats.intake import GAPS, Intake, Uplink, host_of
from meshcore.services.stats.pack import LIMIT, buckets_of, count_of, flow_of, histogram
from meshcore.services.stats.ring import Ring
from meshcore.services.stats.rollup import OVERFLOW, Rollup
from meshcore.wire import common_pb2, stats_pb2

NOW = 1_700_000_000


def make(max_series: int = 5000) -> Intake:
    return Intake(Rollup(Ring(), max_series))


def hello(pod: str = "web-0", boot: str = "b1") -> stats_pb2.StatsHello:
    return stats_pb2.StatsHello(
        self=common_pb2.Peer(namespace="emojivoto", kind="deployment", name=pod[:-2], pod=pod, service_account="web"),
        boot_id=boot,
    )


def keys(count: int = 2) -> stats_pb2.StatsReport:
    peer = common_pb2.Peer(namespace="emojivoto", kind="deployment", name="voting", pod="voting-1", address="1.2.3.4:5")
    return stats_pb2.StatsReport(
        edges=[stats_pb2.EdgeKey(id=1, direction=common_pb2.OUTBOUND, peer=peer, service_name="voting", port=8080)],
        http_keys=[
            stats_pb2.HttpKey(id=10 + n, edge=1, status=200 + n, classification=common_pb2.SUCCESS)
            for n in range(count)
        ],
    )


def report(seq: int, count: int = 1, *, at: float | None = None, key: int = 10) -> stats_pb2.StatsReport:
    return stats_pb2.StatsReport(
        seq=seq,
        time_ms=int((NOW + seq if at is None else at) * 1000) + 10,
        http=[stats_pb2.HttpDelta(key=key, count=count, bucket=[3], bucket_count=[count])],
        tcp=[stats_pb2.TcpDelta(edge=1, opened=count, read_bytes=10 * count, open=3)],
    )


def counted(intake: Intake) -> int:
    ring = intake.rollup.ring
    tiles = ring.tiles(NOW - 100, NOW + 4000)
    return sum(
        count_of(line.track.total(tiles))
        for edge in intake.rollup.edges.values()
        for line in edge.lines.values()
        if line.track is not None
    )


def open_uplink(intake: Intake, boot: str = "b1", pod: str = "web-0") -> Uplink:
    uplink = intake.open(hello(pod, boot), NOW)
    uplink.take(keys(), NOW)
    return uplink


@given(
    sends=st.lists(
        st.one_of(st.integers(1, 40), st.just("reconnect"), st.just("second stream")), min_size=1, max_size=120
    )
)
@settings(max_examples=150, deadline=None)
def test_however_often_and_in_whatever_order_each_report_is_counted_once(sends: list[int | str]) -> None:
    intake = make()
    streams = [open_uplink(intake)]
    sent: dict[int, int] = {}
    base: int | None = None
    for step, send in enumerate(sends):
        if isinstance(send, str):
            if send == "reconnect":
                intake.close(streams.pop(0))
            streams.append(open_uplink(intake))
            continue
        base = send if base is None else base
        uplink = streams[step % len(streams)]
        top = uplink.take(report(send, send), NOW + 100)
        if send >= base:  # what came before the first report ever seen is history that nobody waits for
            sent[send] = send
            assert top >= send
    assert counted(intake) == sum(sent.values())


def test_a_fresh_control_plane_counts_all_that_the_sidecar_still_holds() -> None:
    first = make()
    uplink = open_uplink(first)
    for seq in range(1, 11):
        uplink.take(report(seq), NOW + seq)
    assert counted(first) == 10

    second = make()
    again = open_uplink(second)
    assert again.boot.top == 0
    for seq in range(4, 13):
        again.take(report(seq), NOW + 12)
    assert counted(second) == 9
    assert second.rollup.ring.born == NOW + 3
    assert open_uplink(second).boot.top == 12


def test_a_new_process_begins_to_count_at_one_again() -> None:
    intake = make()
    open_uplink(intake).take(report(1), NOW + 1)
    open_uplink(intake, "b2").take(report(1), NOW + 1)
    assert counted(intake) == 2


def test_what_a_sidecar_leaves_out_or_names_takes_a_bounded_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_module, "NAMED", 3)
    intake = make()
    uplink = open_uplink(intake)
    for seq in range(1, 20 * GAPS, GAPS):
        uplink.take(report(seq), NOW + 1)
    assert len(uplink.boot.gaps) == GAPS
    uplink.take(keys(50), NOW + 1)
    assert [len(uplink.keys().http_keys), len(uplink.keys().edges)] == [3, 1]


def test_unknown_ids_are_passed_over_and_absurd_values_cut() -> None:
    intake = make()
    uplink = open_uplink(intake)
    uplink.take(report(1, key=99), NOW + 1)
    assert counted(intake) == 0
    uplink.take(report(2, 2**60), NOW + 2)
    assert counted(intake) == LIMIT
    assert sum(buckets_of(histogram(5, [3, 99], [2, 3]))) == 5
    edge = next(iter(intake.rollup.edges.values()))
    assert edge.flow is not None
    assert flow_of(edge.flow.total(intake.rollup.ring.tiles(NOW, NOW + 10)))[1] == 0


def test_the_watermark_waits_for_all_but_not_for_long() -> None:
    intake = make()
    first, second = open_uplink(intake), open_uplink(intake, "b2", "voting-0")
    first.take(report(1, at=NOW + 10), NOW + 10)
    assert intake.watermark(NOW + 10.1) == NOW + 10  # the other has not reported at all yet
    second.take(report(1, at=NOW + 10), NOW + 10)
    first.take(report(2, at=NOW + 11), NOW + 11)
    assert intake.watermark(NOW + 11.1) == NOW + 10
    second.take(report(2, at=NOW + 11), NOW + 11.2)
    assert intake.watermark(NOW + 11.3) == NOW + 11
    first.take(report(3, at=NOW + 14), NOW + 14)
    assert NOW + 14.1 - intake.watermark(NOW + 14.1) <= 2.5  # the other hangs
    intake.close(second)
    assert intake.watermark(NOW + 14.1) == NOW + 14  # the other has gone


def test_the_watermark_never_goes_back() -> None:
    intake = make()
    first = open_uplink(intake)
    first.take(report(1, at=NOW + 10), NOW + 10)
    assert intake.watermark(NOW + 10.1) == NOW + 10
    open_uplink(intake, "b2").take(report(1, at=NOW + 9), NOW + 10.2)
    assert intake.watermark(NOW + 10.3) == NOW + 10


def test_a_clock_that_is_ahead_does_not_move_the_present() -> None:
    intake = make()
    open_uplink(intake).take(report(1, at=NOW + 9999), NOW + 5)
    assert intake.rollup.ring.now == NOW + 5


def test_without_room_totals_stay_and_names_go() -> None:
    intake = make(max_series=3)
    uplink = intake.open(hello(), NOW)
    uplink.take(keys(20), NOW)
    for number in range(20):
        uplink.take(report(number + 1, key=10 + number), NOW + 1)
    assert counted(intake) == 20
    assert intake.rollup.series <= 6
    assert any(
        line.error == OVERFLOW and line.classification == common_pb2.SUCCESS
        for edge in intake.rollup.edges.values()
        for line in edge.lines
    )
    assert intake.rollup.overflowed > 0


def test_what_the_ring_forgot_can_be_counted_again() -> None:
    intake = make()
    uplink = open_uplink(intake)
    uplink.take(report(1), NOW + 1)
    intake.rollup.ring.advance(NOW + 90_000)
    intake.tick(NOW + 90_000)
    assert not intake.rollup.edges
    assert intake.rollup.series == 0
    uplink.take(report(2, at=NOW + 90_001), NOW + 90_001)
    uplink.take(report(3, at=NOW + 90_002), NOW + 90_002)
    assert [len(edge.lines) for edge in intake.rollup.edges.values()] == [1]


def test_a_clients_port_makes_no_new_edge() -> None:
    intake = make()
    uplink = intake.open(hello(), NOW)
    for number in range(3):
        key = stats_pb2.EdgeKey(
            id=number + 1, direction=common_pb2.INBOUND, peer=common_pb2.Peer(address=f"10.0.0.9:{4000 + number}")
        )
        tcp = stats_pb2.TcpDelta(edge=number + 1, opened=1)
        uplink.take(stats_pb2.StatsReport(seq=number + 1, time_ms=NOW * 1000, edges=[key], tcp=[tcp]), NOW)
    assert [name.peer.address for name in intake.rollup.edges] == ["10.0.0.9"]


def test_hosts() -> None:
    hosts = [host_of(text) for text in ("10.0.0.1:80", "[::1]:80", "::1", "/run/a.sock", "")]
    assert hosts == ["10.0.0.1", "::1", "::1", "/run/a.sock", ""]
