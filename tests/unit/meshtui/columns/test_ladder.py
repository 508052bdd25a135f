"""The ladder of a request: stations, rungs and their times."""

from meshcore.wire.common_pb2 import Direction
from meshtui.columns.ladder import drawn, ladder
from meshtui.model.canvas import plain
from meshtui.model.exchange import Exchanges, Pair
from tests.support.tapping import START_US, request


def pair(*, outbound: bool = True, inbound: bool = True, trace: str = "") -> Pair:
    ring = Exchanges()
    if outbound:
        ring.extend(request("out", grpc=2, failed=True, reply_us=2200, end_us=2300, trace=trace))
    if inbound:
        at = START_US + 400
        ring.extend(
            request(
                "in",
                direction=Direction.INBOUND,
                grpc=2,
                failed=True,
                at_us=at,
                reply_us=1400,
                end_us=1500,
                trace=trace,
            )
        )
    return ring.pair(ring.rows()[0])


def test_both_sides() -> None:
    found = ladder(pair())
    assert found.stations == ["web-0", "web-0 sidecar", "voting-0 sidecar", "voting-0"]
    assert [(rung.start, rung.end, round(rung.at_ms or 0, 3), rung.text) for rung in found.rungs] == [
        (0, 1, 0.0, "POST"),
        (1, 2, 0.4, "√ mutual TLS"),
        (2, 3, 0.4, "POST"),
        (3, 2, 1.8, "200"),
        (2, 1, 2.2, ""),
        (1, 0, 2.3, "× Unknown"),
    ]


def test_one_side() -> None:
    found = ladder(pair(inbound=False))
    assert found.stations == ["web-0", "web-0 sidecar", "voting-0"]
    assert [(rung.start, rung.end, rung.text) for rung in found.rungs] == [
        (0, 1, "POST"),
        (1, 2, "√ mutual TLS"),
        (2, 1, "200"),
        (1, 0, "× Unknown"),
    ]
    assert ladder(pair(outbound=False)).stations == ["web-0", "voting-0 sidecar", "voting-0"]


def test_a_trace_id_leaves_nothing_to_guess() -> None:
    assert ladder(pair()).guessed
    assert not ladder(pair(trace="t")).guessed


def test_narrow_is_a_list() -> None:
    lines = plain(drawn(ladder(pair()), 50)).splitlines()
    assert lines[0] == "       0  web-0 → web-0 sidecar  POST"
    assert len(lines) == 6


def test_ascii() -> None:
    for width in (50, 120):
        assert plain(drawn(ladder(pair(), ascii=True), width, ascii=True)).isascii()


def test_every_rung_meets_its_lifelines() -> None:
    lines = plain(drawn(ladder(pair()), 120)).splitlines()[1:]
    columns = [at for at, sign in enumerate(lines[0]) if sign in "├│"]
    for line in lines:
        assert all(line[at] in "├┤│" for at in columns)


def test_nothing_seen_is_nothing_drawn() -> None:
    assert drawn(ladder(Pair(None, None, False)), 80) == []
