"""The requests of a trace below each other."""

import pytest

from meshcore.wire.common_pb2 import Direction
from meshtui.columns.waterfall import waterfall
from meshtui.model.canvas import plain
from meshtui.model.exchange import Exchange, Exchanges
from tests.support.tapping import START_US, request


def trace() -> list[Exchange]:
    ring = Exchanges()
    vote = {"source": "vote-bot", "destination": "web", "method": "GET", "path": "/api/vote", "trace": "t"}
    ring.extend(request("a", status=500, failed=True, end_us=10_000, reply_us=9_900, **vote))  # type: ignore[arg-type]
    ring.extend(
        request("a2", direction=Direction.INBOUND, status=500, failed=True, at_us=START_US + 200, end_us=9000, **vote)  # type: ignore[arg-type]
    )
    ring.extend(
        request("b", destination="emoji", path="/E/Find", grpc=0, at_us=START_US + 1000, end_us=2000, trace="t")
    )
    ring.extend(
        request("c", path="/V/VoteDoughnut", grpc=2, failed=True, at_us=START_US + 5000, end_us=2000, trace="t")
    )
    ring.extend(request("d", trace="other"))
    return ring.trace(ring.rows()[0])


def test_each_hop_stands_once_below_its_caller() -> None:
    found = trace()
    lines = plain(waterfall(found, found[0], 100)).splitlines()
    assert [line.split("  ")[0].strip("▌ ") for line in lines] == ["vote-bot → web", "", ""]
    assert "    web → emoji" in lines[1] and "OK" in lines[1] and "Find" in lines[1]
    assert "    web → voting" in lines[2] and "× Unknown" in lines[2]


def test_bars_stand_where_their_time_was() -> None:
    lines = plain(waterfall(trace(), trace()[0], 100)).splitlines()
    starts = [line.index("━") for line in lines]
    assert starts[0] < starts[1] < starts[2]
    assert lines[0].count("━") > 4 * lines[1].count("━")


@pytest.mark.parametrize("width", [40, 60, 100, 200])
def test_lines_fit(width: int) -> None:
    for ascii in (False, True):
        shown = plain(waterfall(trace(), trace()[1], width, ascii=ascii))
        assert max(len(line) for line in shown.splitlines()) <= max(width, 42)
        assert not ascii or shown.isascii()


def test_no_trace_no_lines() -> None:
    assert waterfall([], Exchange("x", Direction.INBOUND), 80) == []
    ring = Exchanges()
    ring.extend(request("a"))
    assert ring.trace(ring.rows()[0]) == []
