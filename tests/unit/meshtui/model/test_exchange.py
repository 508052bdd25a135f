"""Folding tap events: one row per request and direction, a bounded ring, a pause, and the two sides of a request."""

from hypothesis import given, settings
from hypothesis import strategies as st

from meshcore.wire.common_pb2 import Class, Direction
from meshtui.model.exchange import Exchanges
from tests.support.tapping import START_US, request


def test_three_events_make_one_row() -> None:
    ring = Exchanges()
    ring.extend(request("a", grpc=2, failed=True))
    (x,) = ring.rows()
    assert (x.method, x.status, x.grpc_status, x.failed, x.done) == ("POST", 200, 2, True, True)
    assert x.latency_ms == 1.0
    assert x.started_us == START_US
    assert (x.source.name, x.destination.name, x.service) == ("web", "voting", "voting.emojivoto:8080")
    assert x.trailers[0].name == "grpc-status"


def test_a_request_under_way_is_open() -> None:
    ring = Exchanges()
    ring.extend(request("a")[:1])
    (x,) = ring.rows()
    assert not x.done
    assert x.latency_ms is None
    assert x.classification == Class.CLASS_UNSPECIFIED


def test_an_end_alone_still_tells_when_it_began() -> None:
    ring = Exchanges()
    x = ring.add(request("a", reply_us=600, end_us=700)[2])
    assert x.started_us == START_US
    assert not x.head_seen


def test_both_directions_of_one_id_are_two_rows() -> None:
    ring = Exchanges()
    ring.extend(request("a"))
    ring.extend(request("a", direction=Direction.INBOUND))
    assert len(ring) == 2


def test_the_ring_is_bounded_and_ids_stay() -> None:
    ring = Exchanges(capacity=3)
    for n in range(10):
        ring.extend(request(f"r{n}"))
    assert [x.id for x in ring.rows()] == ["r7/2", "r8/2", "r9/2"]
    assert ring.seen == 10
    assert ring.get("r0/2") is None


def test_a_pause_freezes_what_is_shown() -> None:
    ring = Exchanges(capacity=3)
    first, second = request("a"), request("b")
    ring.extend(first)
    ring.extend(second[:1])
    ring.pause()
    ring.extend(second[1:])
    for n in range(5):
        ring.extend(request(f"r{n}"))
    assert [(x.id, x.done) for x in ring.rows()] == [("a/2", True), ("b/2", False)]
    assert ring.unseen == 5
    frozen = ring.get("a/2")
    assert frozen is not None and frozen.done
    ring.resume()
    assert [x.id for x in ring.rows()] == ["r2/2", "r3/2", "r4/2"]


def test_sides_are_paired_by_trace() -> None:
    ring = Exchanges()
    ring.extend(request("out", trace="t1"))
    ring.extend(request("in1", direction=Direction.INBOUND, trace="t2", at_us=START_US + 1))
    ring.extend(request("in2", direction=Direction.INBOUND, trace="t1", at_us=START_US + 400))
    found = ring.pair(ring.rows()[0])
    assert found.sure
    assert found.inbound is not None and found.inbound.id == "in2/1"
    assert ring.pair(found.inbound).outbound is ring.rows()[0]


def test_sides_are_paired_by_peers_and_time_where_there_is_no_trace() -> None:
    ring = Exchanges()
    ring.extend(request("out", at_us=START_US, end_us=2000))
    ring.extend(request("other", direction=Direction.INBOUND, source="vote-bot", at_us=START_US + 100))
    ring.extend(request("late", direction=Direction.INBOUND, at_us=START_US + 900_000))
    ring.extend(request("in", direction=Direction.INBOUND, at_us=START_US + 300))
    found = ring.pair(ring.rows()[0])
    assert not found.sure
    assert found.inbound is not None and found.inbound.id == "in/1"


def test_a_side_that_nobody_saw_is_none() -> None:
    ring = Exchanges()
    ring.extend(request("in", direction=Direction.INBOUND))
    found = ring.pair(ring.rows()[0])
    assert found.outbound is None
    assert found.inbound is ring.rows()[0]


def test_clear_forgets() -> None:
    ring = Exchanges()
    ring.extend(request("a"))
    ring.clear()
    assert ring.rows() == []


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), max_size=60))
@settings(deadline=None)
def test_any_order_folds_to_at_most_one_row_per_request(steps: list[tuple[int, int]]) -> None:
    ring = Exchanges(capacity=4)
    for number, part in steps:
        ring.add(request(f"r{number}")[part])
    rows = ring.rows()
    assert len({x.id for x in rows}) == len(rows) <= 4
