"""Taps: who sees what, when it is decided, what it may cost, and what is kept secret."""

import gc
from collections.abc import Callable
from itertools import pairwise
from math import inf

import pytest

from agents.sidecar.engine.exchange import FAILURE, GRPC, HTTP1, INBOUND, OUTBOUND, SUCCESS, Exchange, Pairs
from agents.sidecar.state.event import REDACTED, sensitive
from agents.sidecar.state.peers import Peer, ServiceKey
from agents.sidecar.state.taps import MAX_HELD, Moment, Taps
from meshcore.wire import common_pb2, tap_pb2

ME = Peer(namespace="emojivoto", kind="deployment", name="web", pod="web-0", service_account="web")
BOT = Peer(namespace="emojivoto", kind="deployment", name="vote-bot", pod="vote-bot-0")
VOTING = Peer(namespace="emojivoto", kind="deployment", name="voting", pod="voting-1", tls=1, identity="spiffe://v")


class Clock:
    """Time that stands still unless told; as a loop, it has one timer."""

    now = 100.0

    def __init__(self) -> None:
        self.due = inf
        self.callback: Callable[[], None] | None = None

    def __call__(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> "Clock":
        assert self.due == inf, "the timer before was not cancelled"
        self.due, self.callback = self.now + delay, callback
        return self

    def cancel(self) -> None:
        self.due = inf

    def pass_to(self, now: float) -> None:
        """Let time pass, timers included."""
        while self.due <= now:
            self.now, self.due = self.due, inf
            assert self.callback is not None
            self.callback()
        self.now = now


class Begun:
    """How many exchanges there were."""

    count = 0

    def __call__(self) -> int:
        return self.count


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def taps(clock):
    return Taps(ME, "boot", clock, Begun())


def exchange(direction=INBOUND, path=b"/api/vote?choice=x", protocol=HTTP1, **fields):
    Begun.count += 1
    x = Exchange(direction, protocol, BOT if direction == INBOUND else ME, Clock.now)
    x.server = ME if direction == INBOUND else None
    x.method, x.authority, x.path = b"GET", b"web.emojivoto:80", path
    x.service = ServiceKey("emojivoto", "web", 80)
    x.connection, x.stream = 7, 3
    x.request = Pairs([(b":path", path), (b"Cookie", b"secret=1"), (b"x-thing", b"v")])
    for name, value in fields.items():
        setattr(x, name, value)
    return x


def finish(x, status=200, latency=0.010, grpc_status=None, classification=SUCCESS):
    x.status, x.grpc_status, x.classification = status, grpc_status, classification
    x.replied, x.ended = x.started + latency / 2, x.started + latency
    x.response = Pairs([(b"set-cookie", b"s"), (b"server", b"x")])
    if x.tap is not None:
        x.tap.reply(x)
        x.tap.end(x)


def run(taps, x, **outcome):
    taps.head(x)
    finish(x, **outcome)
    events, dropped = taps.take()
    return [event.WhichOneof("event") for event in events], dropped


ALL = ["request_init", "response_init", "response_end"]


def order(taps, id=1, headers=False, max_rps=0.0, **match):
    from_ = match.pop("from_", None)
    made = tap_pb2.TapMatch(**match)
    if from_ is not None:
        getattr(made, "from").CopyFrom(from_)
    return taps.order(tap_pb2.TapOrder(id=id, match=made, headers=headers, max_rps=max_rps))


def resource(kind, name, namespace="emojivoto"):
    return common_pb2.Resource(kind=kind, name=name, namespace=namespace)


def test_nothing_is_active_until_ordered_and_after_it_is_cancelled(taps):
    assert not taps.active
    order(taps)
    assert taps.active
    taps.order(tap_pb2.TapOrder(id=1, cancel=True))
    assert not taps.active


def test_events_come_as_they_happen(taps):
    order(taps)
    x = exchange()
    taps.head(x)
    (event,), _ = taps.take()
    assert event.request_init.path == "/api/vote?choice=x"
    assert event.request_id == "boot-7-3"
    assert (event.source.pod, event.destination.pod, event.proxy.pod) == ("vote-bot-0", "web-0", "web-0")
    assert list(event.orders) == [1]
    finish(x)
    replied, ended = taps.take()[0]
    assert replied.response_init.http_status == 200
    assert ended.response_end.since_request_init_us == 10_000
    assert ended.response_end.classification == SUCCESS
    assert not list(event.request_init.headers)


HEAD_CASES = [
    ({"direction": INBOUND}, True),
    ({"direction": OUTBOUND}, False),
    ({"methods": ["post", "get"]}, True),
    ({"methods": ["POST"]}, False),
    ({"path_prefix": "/api"}, True),
    ({"path_prefix": "/vote"}, False),
    ({"path_regex": "choice=."}, True),
    ({"path_regex": "^choice"}, False),
    ({"path_regex": "("}, False),
    ({"authority": "web.emojivoto"}, True),
    ({"authority": "WEB.emojivoto:80"}, True),
    ({"authority": "emoji.emojivoto"}, False),
    ({"scheme": "http"}, True),
    ({"scheme": "https"}, False),
    ({"header": tap_pb2.Header(name="X-Thing")}, True),
    ({"header": tap_pb2.Header(name="x-thing", value=b"v")}, True),
    ({"header": tap_pb2.Header(name="x-thing", value=b"w")}, False),
    ({"header": tap_pb2.Header(name="missing")}, False),
    ({"to": resource("deployment", "web")}, True),
    ({"to": resource("pod", "web-0")}, True),
    ({"to": resource("pod", "web-1")}, False),
    ({"to": resource("service", "web")}, True),
    ({"to": resource("service", "emoji")}, False),
    ({"to": resource("namespace", "emojivoto", "")}, True),
    ({"to": resource("namespace", "other", "")}, False),
    ({"to": resource("deployment", "web", "other")}, False),
    ({"from_": resource("deployment", "vote-bot")}, True),
    ({"from_": resource("deployment", "")}, True),
    ({"from_": resource("statefulset", "vote-bot")}, False),
    ({"route": "vote"}, False),
    ({"statuses": [tap_pb2.StatusRange(min=200, max=299)]}, True),
    ({"statuses": [tap_pb2.StatusRange(min=500, max=599), tap_pb2.StatusRange(min=200)]}, True),
    ({"statuses": [tap_pb2.StatusRange(min=500, max=599)]}, False),
    ({"classification": SUCCESS}, True),
    ({"classification": FAILURE}, False),
    ({"min_latency_ms": 9}, True),
    ({"min_latency_ms": 11}, False),
    ({"grpc_statuses": [0]}, False),
    ({"methods": ["GET"], "classification": FAILURE}, False),
]


@pytest.mark.parametrize(("match", "seen"), HEAD_CASES, ids=str)
def test_a_match_is_all_that_is_set(taps, match, seen):
    order(taps, **match)
    assert run(taps, exchange()) == (ALL if seen else [], 0)


def test_what_only_the_end_tells_is_decided_there(taps):
    order(taps, classification=FAILURE, grpc_statuses=[2])
    x = exchange(protocol=GRPC)
    taps.head(x)
    assert taps.take() == ([], 0)
    finish(x, grpc_status=2, classification=FAILURE)
    assert [event.WhichOneof("event") for event in taps.take()[0]] == ALL


def test_the_server_of_an_outbound_request_is_known_only_later(taps):
    order(taps, to=resource("deployment", "voting"))
    order(taps, id=2, to=resource("deployment", "emoji"))
    x = exchange(OUTBOUND)
    taps.head(x)
    x.server = VOTING
    finish(x)
    events, _ = taps.take()
    assert {tuple(event.orders) for event in events} == {(1,)}
    assert events[0].destination.identity == "spiffe://v"
    assert events[0].tls == common_pb2.TLS_MUTUAL


def test_a_request_that_no_server_was_found_for_matches_no_server(taps):
    order(taps, to=resource("deployment", "voting"))
    assert run(taps, exchange(OUTBOUND)) == ([], 0)


def test_a_route_that_is_named_later_still_matches(taps):
    order(taps, route="vote")
    x = exchange()
    taps.head(x)
    x.route = "vote"
    finish(x)
    assert len(taps.take()[0]) == 3


def test_one_exchange_that_two_taps_want_is_one_event(taps):
    order(taps, id=1)
    order(taps, id=2, methods=["GET"])
    x = exchange()
    taps.head(x)
    (event,), _ = taps.take()
    assert list(event.orders) == [1, 2]


def test_the_rate_is_bounded_and_losses_are_counted(taps, clock):
    order(taps, max_rps=10)
    seen = [run(taps, exchange())[1] for _ in range(15)]
    assert seen == [0] * 10 + [1] * 5
    seen = [run(taps, exchange(started=clock.now + 0.5))[1] for _ in range(8)]
    assert seen == [0] * 5 + [1] * 3


def test_what_was_held_takes_its_share_when_it_goes_on(taps, clock):
    order(taps, max_rps=1)
    clock.now += 0.5
    assert run(taps, exchange(started=clock.now - 3, held=2)) == (ALL, 0)


def test_what_came_while_there_was_no_share_is_lost_and_counted_though_nobody_looked(taps, clock):
    order(taps, max_rps=1)
    order(taps, id=2, methods=["POST"])
    assert run(taps, exchange()) == (ALL, 0)
    for _ in range(4):
        exchange()
    assert taps.take() == ([], 4), "the order of POST has lost nothing"
    assert taps.take() == ([], 0)
    order(taps, max_rps=5)
    assert run(taps, exchange()) == (ALL, 0), "a new rate does not have to account for what was before it"


def test_it_is_closed_until_some_order_has_a_share_again(taps, clock):
    assert taps.closed == -inf
    order(taps, id=1, max_rps=1)
    order(taps, id=2, max_rps=2)
    assert taps.closed < clock.now
    for _ in range(2):
        run(taps, exchange())
    assert taps.closed == clock.now + 0.5
    order(taps, id=3, methods=["GET"])
    assert taps.closed == -inf, "each request has to be looked at"
    taps.clear()
    assert taps.closed == -inf


@pytest.fixture
def dozing(taps, clock):
    """Taps with a loop, and what those who watch have heard."""
    taps.later = clock.call_later
    heard = []
    taps.watchers.append(lambda: heard.append(taps.asleep))
    return taps, heard


def test_it_sleeps_while_a_tap_has_had_its_share_and_wakes_in_time_for_the_next(dozing, clock):
    taps, heard = dozing
    order(taps, max_rps=2)
    assert not taps.asleep
    for _ in range(2):
        run(taps, exchange())
    assert (taps.asleep, clock.due) == (True, clock.now + 0.5)
    clock.pass_to(clock.now + 0.5)
    assert not taps.asleep
    assert run(taps, exchange(started=clock.now)) == (ALL, 0)
    assert taps.asleep
    assert heard == [False, True, False, True]


def test_it_wakes_for_an_order_that_has_a_share(dozing, clock):
    taps, _ = dozing
    order(taps, max_rps=1)
    run(taps, exchange())
    assert taps.asleep
    order(taps, id=2, max_rps=2)
    assert (taps.asleep, clock.due) == (False, inf)


@pytest.mark.parametrize("match", [{"path_prefix": "/rare"}, {"classification": FAILURE}], ids=str)
def test_it_is_awake_for_an_order_that_waits_for_something_rare(dozing, match):
    taps, _ = dozing
    order(taps, max_rps=1)
    order(taps, id=2, max_rps=1, **match)
    for _ in range(20):
        run(taps, exchange())
    assert not taps.asleep
    taps.head(x := exchange(path=b"/rare"))
    finish(x, classification=FAILURE)
    assert {tuple(event.orders) for event in taps.take()[0]} == {(2,)}


def test_no_sleep_is_so_short_that_it_costs_more_than_it_saves(dozing, clock):
    taps, heard = dozing
    order(taps, max_rps=1000)
    for _ in range(1000):
        run(taps, exchange())
    assert taps.closed > clock.now
    assert heard == [False]


def test_no_timer_is_left_when_the_last_tap_ends(dozing, clock):
    taps, _ = dozing
    order(taps, max_rps=1)
    run(taps, exchange())
    taps.clear()
    assert (taps.asleep, clock.due) == (True, inf)


def test_what_is_shown_of_heavy_traffic_is_spread_over_the_time(dozing, clock):
    taps, _ = dozing
    order(taps, max_rps=100)
    began, shown, sent = clock.now, [], 0
    while clock.now < began + 3:
        clock.pass_to(clock.now + 0.0007)
        x = exchange(started=clock.now)
        sent += 1
        if not taps.asleep and x.started >= taps.closed:
            taps.head(x)
        if x.tap is not None:
            shown.append(clock.now - began)
            finish(x)
    after = [at for at in shown if at >= 1]
    assert 390 <= len(shown) <= 400
    assert max(late - soon for soon, late in pairwise(after)) < 0.02
    events, dropped = taps.take()
    assert (len(events), dropped) == (3 * len(shown), sent - len(shown))


def test_what_is_shown_is_shown_whole_though_it_sleeps_meanwhile(dozing, clock):
    taps, _ = dozing
    order(taps, max_rps=1)
    x = exchange()
    taps.head(x)
    assert taps.asleep
    finish(x)
    assert [event.WhichOneof("event") for event in taps.take()[0]] == ALL


def test_few_exchanges_are_kept_for_events_that_nobody_fetches(taps, clock):
    order(taps, max_rps=MAX_HELD + 10)
    kept = [exchange() for _ in range(MAX_HELD + 1)]
    for x in kept:
        taps.head(x)
    holders = gc.get_referrers(*kept)
    assert sum(isinstance(holder, Moment) for holder in holders) == MAX_HELD
    assert len(taps.take()[0]) == MAX_HELD + 1


def test_who_watches_hears_of_the_first_tap_and_of_the_end_of_the_last(taps):
    heard = []
    taps.watchers.append(lambda: heard.append(len(taps.active)))
    order(taps, id=1)
    order(taps, id=2)
    taps.order(tap_pb2.TapOrder(id=1, cancel=True))
    assert heard == [1]
    taps.order(tap_pb2.TapOrder(id=2, cancel=True))
    assert heard == [1, 0]
    taps.clear()
    assert heard == [1, 0], "nothing has changed"


def test_the_buffer_is_bounded(clock):
    taps = Taps(ME, "boot", clock, max_events=4)
    order(taps)
    for _ in range(2):
        taps.head(exchange())
    x = exchange()
    taps.head(x)
    finish(x)
    events, dropped = taps.take()
    assert (len(events), dropped) == (4, 1)
    assert taps.take() == ([], 0)


def test_whoever_waits_is_woken_once_for_many(taps):
    woken = []
    taps.wake = lambda: woken.append(1)
    order(taps)
    taps.head(exchange())
    taps.head(exchange())
    assert woken == [1]
    taps.take()
    taps.head(exchange())
    assert woken == [1, 1]


def test_headers_are_redacted_and_sent_only_if_asked_for(taps):
    order(taps, headers=True)
    x = exchange()
    taps.head(x)
    finish(x)
    begun, replied, _ = taps.take()[0]
    assert [(h.name, h.value) for h in begun.request_init.headers] == [("cookie", REDACTED), ("x-thing", b"v")]
    assert [(h.name, h.value) for h in replied.response_init.headers] == [("set-cookie", REDACTED), ("server", b"x")]


@pytest.mark.parametrize("name", [b"authorization", b"x-api-key", b"my-secret", b"x-session-token", b"set-cookie"])
def test_secrets_are_known_by_name(name):
    assert sensitive(name)
    assert not sensitive(b"content-type")


def test_a_bad_expression_is_told_to_whoever_ordered(taps):
    assert "path_regex" in order(taps, path_regex="(")


def test_clearing_ends_taps_without_losing_the_total(taps):
    order(taps, max_rps=1)
    for _ in range(3):
        taps.head(exchange())
    taps.clear()
    assert not taps.active
    assert taps.take() == ([], 0)
    assert taps.dropped == 2
