"""One rate for all processes of a sidecar: what workers saw passes the lead's tokens, whole or not at all."""

import pytest

from agents.sidecar.crew.admission import Admission
from agents.sidecar.state.peers import Peer
from agents.sidecar.state.taps import Taps
from meshcore.wire import tap_pb2

ME = Peer(namespace="emojivoto", kind="deployment", name="web", pod="web-0")


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def taps(clock):
    made = Taps(ME, "boot", clock)
    made.order(tap_pb2.TapOrder(id=1, max_rps=2))
    return made


def head(name, *orders):
    return tap_pb2.TapEvent(request_id=name, orders=orders or (1,), request_init=tap_pb2.RequestInit(method="GET"))


def reply(name, *orders):
    return tap_pb2.TapEvent(request_id=name, orders=orders or (1,), response_init=tap_pb2.ResponseInit(http_status=200))


def end(name, *orders):
    return tap_pb2.TapEvent(request_id=name, orders=orders or (1,), response_end=tap_pb2.ResponseEnd(http_status=200))


def shown(taps):
    events, dropped = taps.take()
    return [(event.request_id, event.WhichOneof("event"), list(event.orders)) for event in events], dropped


def report(*events, dropped=0):
    return tap_pb2.TapReport(events=events, dropped=dropped)


def test_the_rate_is_shared_by_all_processes_and_what_is_over_it_is_counted(taps, clock):
    one, other = Admission(taps), Admission(taps)
    one.take(report(head("a-1"), end("a-1")))
    other.take(report(head("b-1"), end("b-1")))
    one.take(report(head("a-2"), reply("a-2"), end("a-2")))
    events, dropped = shown(taps)
    assert [name for name, _, _ in events] == ["a-1", "a-1", "b-1", "b-1"]
    assert dropped == 1
    clock.now += 0.5
    other.take(report(head("b-2")))
    assert [name for name, _, _ in shown(taps)[0]] == ["b-2"]


def test_a_request_that_was_let_in_is_shown_whole_in_however_many_reports(taps):
    admission = Admission(taps)
    for event in (head("a"), reply("a"), end("a")):
        admission.take(report(event))
    assert [kind for _, kind, _ in shown(taps)[0]] == ["request_init", "response_init", "response_end"]


def test_a_request_that_matches_at_its_end_is_decided_then(taps):
    taps.order(tap_pb2.TapOrder(id=2, max_rps=1))
    admission = Admission(taps)
    admission.take(report(head("a", 1), end("a", 1), head("a", 2), end("a", 2)))
    assert [orders for _, _, orders in shown(taps)[0]] == [[1], [1], [2], [2]]


def test_each_order_keeps_its_own_rate(taps):
    taps.order(tap_pb2.TapOrder(id=2, max_rps=1))
    admission = Admission(taps)
    for name in ("a", "b"):
        admission.take(report(head(name, 1, 2), end(name, 1, 2)))
    events, dropped = shown(taps)
    assert [orders for _, _, orders in events] == [[1, 2], [1, 2], [1], [1]]
    assert dropped == 1


def test_an_order_that_has_ended_gets_nothing_and_nothing_counts_as_lost(taps):
    taps.order(tap_pb2.TapOrder(id=1, cancel=True))
    Admission(taps).take(report(head("a"), end("a")))
    assert shown(taps) == ([], 0)


def test_what_a_worker_lost_is_told(taps):
    Admission(taps).take(report(dropped=7))
    assert shown(taps) == ([], 7)
    assert taps.dropped == 7


def test_requests_that_never_end_are_forgotten_at_a_limit(taps, clock):
    admission = Admission(taps, max_open=2)
    for name in ("a", "b", "c"):
        admission.take(report(head(name)))
        clock.now += 1
    taps.take()
    admission.take(report(end("a"), end("b"), end("c")))
    assert [name for name, _, _ in shown(taps)[0]] == ["b", "c"]
