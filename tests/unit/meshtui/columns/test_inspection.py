"""The inspector's page: everything known of a request, at any width."""

import pytest

from meshcore.wire.common_pb2 import Direction
from meshtui.columns.inspection import page
from meshtui.model.canvas import plain
from meshtui.model.exchange import Exchange, Exchanges, Pair
from tests.support.tapping import START_US, request


def sides() -> tuple[Exchange, Pair]:
    ring = Exchanges()
    ring.extend(request("out", grpc=2, failed=True, end_us=2300, reply_us=2200))
    inbound = request("in", direction=Direction.INBOUND, grpc=2, failed=True, at_us=START_US + 400)
    ring.extend(inbound)
    one = ring.rows()[0]
    return one, ring.pair(one)


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_everything_is_there(width: int) -> None:
    shown = "".join(plain(page(*sides(), width)).split())
    for word in ("POST", "×Unknown", "doughnutsalwaysfail", "voting:8080", "application/grpc", "grpc-status"):
        assert word in shown
    for word in ("spiffe://local/ns/emojivoto/sa/web", "√mutualTLS", "web-0(outbound)", "1.0msintheserver"):
        assert word in shown


def test_side_by_side_where_wide() -> None:
    assert any("Request" in line and "Response" in line for line in plain(page(*sides(), 120)).splitlines())
    assert not any("Request" in line and "Response" in line for line in plain(page(*sides(), 80)).splitlines())


@pytest.mark.parametrize("width", [48, 79, 96, 120])
def test_no_line_is_too_long_and_nothing_is_cut(width: int) -> None:
    ring = Exchanges()
    ring.extend(request("a", path="/" + "long" * 60))
    one = ring.rows()[0]
    shown = plain(page(one, ring.pair(one), width))
    assert max(len(line) for line in shown.splitlines()) <= width
    assert shown.replace(" ", "").replace("\n", "").count("long") >= 60


def test_a_side_not_seen_is_said() -> None:
    ring = Exchanges()
    ring.extend(request("out")[:1])
    one = ring.rows()[0]
    shown = plain(page(one, ring.pair(one), 80))
    assert "the server's side was not seen" in shown
    assert "not seen" in shown


def test_an_empty_exchange_has_a_page() -> None:
    empty = Exchange("x/0", Direction.DIRECTION_UNSPECIFIED)
    assert "(head not seen)" in plain(page(empty, Pair(None, None, False), 80))
