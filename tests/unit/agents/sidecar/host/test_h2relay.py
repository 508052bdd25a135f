"""Relays: what goes through, what is said instead, and what is tried again."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.sidecar.engine.exchange import FAILURE, GRPC, HTTP2, SUCCESS, Exchange
from agents.sidecar.engine.http2 import wire
from agents.sidecar.engine.http2.connection import CLIENT
from agents.sidecar.engine.http2.fields import Fields
from agents.sidecar.engine.http2.limits import Limits
from agents.sidecar.engine.http2.stream import BODYLESS
from agents.sidecar.engine.stack import HOLD, Reply, Verdict
from agents.sidecar.host.h2 import GOODBYE_S, Served
from agents.sidecar.state.peers import Peer
from tests.support.h2book import Book
from tests.support.http2 import REQUEST, head, plain
from tests.support.playbook import ME, endpoints

CALL = [*REQUEST, (b"content-type", b"application/grpc", False)]
OK = head((b":status", b"200"), (b"content-type", b"application/grpc"))
DONE = head((b"grpc-status", b"0"))


POST = [(b":method", b"POST", False), *REQUEST[1:]]
GET = [(b":method", b"GET", False), *REQUEST[1:]]


def _book(*stages: Any, count: int = 1, client: Limits | None = None, meshed: bool = False) -> Book:
    target = endpoints(*[f"10.0.0.{n + 1}:80" for n in range(count)])
    for endpoint in target.endpoints if meshed else ():
        endpoint.peer = Peer(identity="spiffe://local/ns/default/sa/web")
    return Book(target, *stages, client=client or Limits())


def _reply(book: Book, server: int = 0, stream: int = -1, fields: Fields = DONE) -> None:
    served = book.ears[server].streams[stream]
    served.send_headers(OK)
    served.send_data(b"answer")
    served.send_trailers(fields)
    book.run()


def test_a_head_over_the_limit_is_answered_and_counted() -> None:
    book = _book()
    for end in (True, False):
        stream = book.ask([*CALL, *[(b"x-%d" % n, b"v" * 1000, True) for n in range(80)]], end=end)
        book.run()
        said = next(event[2] for event in book.answers.events if event[:2] == ("headers", stream.id))
        assert {(b":status", b"431"), (b"meshtui-error", b"head-too-long")} <= set(said)
    assert [(x.protocol, x.status, x.error, x.classification) for x in book.exchanges] == [
        (HTTP2, 431, "head-too-long", SUCCESS)
    ] * 2
    assert not book.ears  # nobody was dialled for it
    assert not book.served.h2.streams


def test_a_call_goes_through_as_it_is() -> None:
    book = _book()
    stream = book.ask(CALL, end=False)
    stream.send_data(b"question", True)
    book.run()
    assert book.ears[0].events[-2:] == [("stream", 1, plain(CALL), False), ("data", 1, b"question", True)]
    _reply(book)
    assert book.answers.events == [
        ("headers", 1, plain(OK), False),
        ("data", 1, b"answer", False),
        ("trailers", 1, plain(DONE)),
    ]
    (x,) = book.exchanges
    assert (x.protocol, x.method, x.path, x.status, x.grpc_status) == (GRPC, b"POST", b"/s/m", 200, 0)
    assert (x.request_bytes, x.response_bytes, x.classification, x.error) == (8, 6, SUCCESS, "")
    assert x.endpoint is not None
    assert x.endpoint.inflight == 0
    assert not book.served.h2.streams
    assert book.runtime.counters.inflight == 0


def test_trailers_only() -> None:
    book = _book()
    book.ask(CALL)
    book.ears[0].streams[0].send_headers(
        [*OK, (b"grpc-status", b"5", False), (b"grpc-message", b"no%20such", False)], True
    )
    book.run()
    (x,) = book.exchanges
    assert (x.grpc_status, x.grpc_message, x.classification) == (5, "no such", SUCCESS)


def test_plain_http2_is_no_grpc() -> None:
    book = _book()
    book.ask(REQUEST)
    book.ears[0].streams[0].send_headers(head((b":status", b"503")), True)
    book.run()
    (x,) = book.exchanges
    assert (x.protocol, x.status, x.grpc_status, x.classification) == (HTTP2, 503, None, FAILURE)


def test_a_reply_to_head_has_a_length_and_no_body() -> None:
    book = _book()
    book.ask([(b":method", b"HEAD", False), *REQUEST[1:]]).length = BODYLESS
    book.ears[0].streams[0].send_headers(head((b":status", b"200"), (b"content-length", b"99")), True)
    book.run()
    assert book.heard("headers")[0][2][1] == (b"content-length", b"99")
    assert book.exchanges[0].error == ""


def test_a_body_in_a_reply_to_head_goes_no_further() -> None:
    book = _book()
    asked = book.ask([(b":method", b"HEAD", False), *REQUEST[1:]])
    served = book.ears[0].streams[0]
    served.send_headers(OK)
    served.send_data(b"body", True)
    book.run()
    assert book.answers.events[-1] == ("reset", asked.id, wire.PROTOCOL_ERROR)
    assert not book.heard("data")
    assert [x.classification for x in book.exchanges] == [FAILURE]


@pytest.mark.parametrize(
    ("fields", "first", "meshed", "repeated"),
    [
        (GET, False, False, True),  # the server may have closed it just as it was used
        (GET, True, False, False),  # it may be what the server fell over
        (GET, True, True, True),  # a sidecar that went is no application
        (CALL, False, False, False),
        (POST, False, True, False),
    ],
)
def test_what_was_lost_with_a_connection_is_repeated_if_that_does_no_harm(
    fields: Fields, first: bool, meshed: bool, repeated: bool
) -> None:
    book = _book(meshed=meshed)
    if not first:
        book.ask(CALL)
        _reply(book)
    asked = book.ask(fields)
    done = len(book.exchanges)
    for _, side, connection in book.links:
        if connection is book.ears[0].connection:
            side.lose()
    book.run(1.0)
    assert len(book.ears) == (2 if repeated else 1)
    if repeated:
        _reply(book, 1)
    assert any(event[1] == asked.id for event in book.heard("headers"))
    assert [x.error for x in book.exchanges[done:]] == ["" if repeated else "upstream-closed"]
    assert book.exchanges[-1].attempt == (2 if repeated else 1)


def test_connections_are_shared() -> None:
    book = _book()
    for _ in range(5):
        book.ask(CALL)
    assert len(book.fleet.dials) == 1
    assert len(book.ears[0].streams) == 5


def test_a_servers_limit_makes_another_connection() -> None:
    book = _book()
    book.fleet.limits = Limits(streams=2)
    for _ in range(5):
        book.ask(CALL)
    assert [len(ear.streams) for ear in book.ears] == [2, 2, 1]
    _reply(book)
    assert len(book.exchanges) == 1


def test_who_waits_gets_the_room_that_others_leave() -> None:
    book = _book()
    book.fleet.limits = Limits(streams=1)
    for _ in range(10):
        book.ask(CALL)
    assert len(book.ears) == 8
    for server in (0, 1):
        _reply(book, server)
    assert [len(ear.streams) for ear in book.ears] == [2, 2, 1, 1, 1, 1, 1, 1]


def test_nobody_waits_for_room_for_ever() -> None:
    book = _book()
    book.fleet.limits = Limits(streams=1)
    for _ in range(10):
        book.ask(CALL)
    book.run(11)
    assert [x.error for x in book.exchanges] == ["overloaded"] * 2
    assert len(book.served.h2.streams) == 8


@pytest.mark.parametrize(("request_", "status"), [(CALL, b"200"), (REQUEST, b"503")])
def test_nobody_there(request_: Fields, status: bytes) -> None:
    book = _book()
    book.fleet.refusing.update(book.served.door.target.endpoints)  # type: ignore[union-attr]
    book.ask(request_)
    book.run(0.1)
    fields = dict(book.heard("headers")[0][2])
    assert fields[b":status"] == status
    assert fields[b"meshtui-error"] == b"connect-refused"
    if request_ is CALL:
        assert fields[b"grpc-status"] == b"14"
    assert book.exchanges[0].error == "connect-refused"
    assert book.exchanges[0].classification == FAILURE


def test_another_endpoint_is_tried() -> None:
    book = _book(count=2)
    first, second = book.served.door.target.endpoints  # type: ignore[union-attr]
    book.fleet.refusing.add(first)
    second.inflight = 5  # so that the first is chosen first
    book.ask(CALL)
    _reply(book)
    (x,) = book.exchanges
    assert (x.endpoint, x.attempt, x.grpc_status) == (second, 2, 0)
    assert (first.inflight, second.inflight) == (0, 5)


UNSENT = (b"meshtui-error", b"connect-refused")


@pytest.mark.parametrize("grpc", [True, False])
def test_what_an_application_never_saw_is_asked_of_another(grpc: bool) -> None:
    book = _book(count=2, meshed=True)
    first, second = book.served.door.target.endpoints  # type: ignore[union-attr]
    second.inflight = 5  # so that the first is chosen first
    stream = book.ask(CALL if grpc else POST, end=False)
    stream.send_data(b"question", True)
    book.run()
    refused = book.ears[0].streams[0]
    if grpc:
        refused.send_headers([*OK, *head((b"grpc-status", b"14"), UNSENT)], True)
    else:
        refused.send_headers(head((b":status", b"503"), UNSENT))
        refused.send_data(b"connect-refused\n", True)
    book.run()
    again = book.ears[1].streams[0]
    assert book.ears[1].bodies[again.id] == b"question"
    _reply(book, 1)
    (x,) = book.exchanges
    assert (x.endpoint, x.attempt, x.grpc_status if grpc else x.status) == (second, 2, 0 if grpc else 200)
    assert [event[0] for event in book.answers.events] == ["headers", "data", "trailers"]
    assert (first.inflight, second.inflight) == (0, 5)


@pytest.mark.parametrize(("count", "meshed", "why"), [(1, True, UNSENT), (2, True, ()), (2, False, UNSENT)])
def test_other_failures_are_the_clients(count: int, meshed: bool, why: tuple[bytes, bytes] | tuple[()]) -> None:
    book = _book(count=count, meshed=meshed)
    book.ask(CALL)
    book.ears[0].streams[0].send_headers([*OK, *head((b"grpc-status", b"14"), *([why] if why else []))], True)
    book.run()
    assert book.exchanges[0].grpc_status == 14
    assert len(book.ears) == 1


@pytest.mark.parametrize("goaway", [False, True])
def test_what_the_server_refused_unseen_is_sent_again(goaway: bool) -> None:
    book = _book()
    stream = book.ask(CALL, end=False)
    stream.send_data(b"question", True)
    book.run()
    served = book.ears[0]
    if goaway:
        served.connection.last = 0  # type: ignore[union-attr]
        served.connection.shutdown()  # type: ignore[union-attr]
    else:
        served.streams[0].reset(wire.REFUSED_STREAM)
    book.run(0.2)
    again = book.ears[-1].streams[-1]
    assert book.ears[-1].bodies[again.id] == b"question"
    _reply(book, -1)
    assert (book.exchanges[0].attempt, book.exchanges[0].grpc_status) == (2, 0)


@pytest.mark.parametrize("another", [True, False])
def test_an_announced_goodbye_fails_nothing(another: bool) -> None:
    book = _book()
    book.ask(CALL)
    if not another:
        book.fleet.refusing.update(book.served.door.target.endpoints)  # type: ignore[union-attr]
    leaving = book.ears[0].connection
    assert leaving is not None
    leaving.shutdown(final=False)
    book.run()
    book.ask(CALL)
    assert [len(ear.streams) for ear in book.ears] == ([1, 1] if another else [2])
    leaving.shutdown()
    book.run()
    for served in tuple(book.ears[0].streams):
        served.send_headers([*OK, *DONE], True)
    book.run()
    assert {x.error for x in book.exchanges} == {""}
    assert book.links[1][1].closed


def test_a_lost_connection_is_told_and_replaced() -> None:
    book = _book()
    book.ask(CALL)
    book.links[-1][1].lose(ConnectionResetError())
    book.run()
    assert dict(book.heard("headers")[0][2])[b"grpc-status"] == b"14"
    assert book.exchanges[0].error == "upstream-closed"
    book.ask(CALL)
    assert len(book.ears) == 2


def test_a_reset_passes_both_ways() -> None:
    book = _book()
    stream = book.ask(CALL)
    book.ears[0].streams[0].reset(wire.ENHANCE_YOUR_CALM)
    book.run()
    assert book.heard("reset") == [("reset", 1, wire.ENHANCE_YOUR_CALM)]
    stream = book.ask(CALL)
    stream.reset(wire.CANCEL)
    book.run()
    assert book.ears[0].events[-1] == ("reset", 3, wire.CANCEL)
    one, other = book.exchanges
    assert (one.error, one.reset_code, one.classification) == ("upstream-reset", wire.ENHANCE_YOUR_CALM, FAILURE)
    assert (other.error, other.grpc_status, other.classification) == ("client-closed", 1, SUCCESS)


def test_a_client_that_gives_up_at_its_deadline_has_failed() -> None:
    book = _book()
    stream = book.ask([*CALL, (b"grpc-timeout", b"1m", False)])
    stream.reset(wire.CANCEL)
    book.run()
    assert (book.exchanges[0].grpc_status, book.exchanges[0].classification) == (4, FAILURE)


def test_an_early_reply_ends_a_request_that_goes_on() -> None:
    book = _book()
    stream = book.ask(CALL, end=False)
    served = book.ears[0].streams[0]
    served.send_headers([*OK, *DONE], True)
    served.reset(wire.NO_ERROR)
    book.run()
    assert book.heard("reset") == [("reset", stream.id, wire.NO_ERROR)]
    assert book.exchanges[0].grpc_status == 0
    assert not book.served.h2.streams


def test_an_early_reply_is_not_cut_off_by_the_end_of_its_request() -> None:
    """gRPC's servers reset a call that they answer before its client has half-closed."""
    book = _book(client=Limits(stream_window=10_000))
    stream = book.ask(CALL, end=False)
    served = book.ears[0].streams[0]
    served.send_headers(OK)
    served.send_data(bytes(30_000))
    served.send_trailers(DONE)
    served.reset(wire.NO_ERROR)
    book.run()
    stream.send_data(b"nobody reads this")
    while stream.read_bytes < 30_000:
        assert not book.heard("reset")
        stream.consumed(stream.read_bytes - stream.taken)
        book.run()
    assert book.heard("trailers")
    assert book.heard("reset") == [("reset", stream.id, wire.NO_ERROR)]
    assert not book.served.h2.streams


class Gate:
    """A stage that says what it is told to say."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.held: list[Exchange] = []

    def on_head(self, x: Exchange) -> Verdict:
        self.held.append(x)
        return self.verdict


def test_a_stage_answers() -> None:
    book = _book(Gate(Reply(429, "limited", b"slow down", [(b"retry-after", b"1")])))
    book.ask(REQUEST, end=False)
    assert book.heard("headers")[0][2] == [
        (b":status", b"429"),
        (b"content-length", b"9"),
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"retry-after", b"1"),
        (b"meshtui-error", b"limited"),
    ]
    assert book.answers.bodies == {1: b"slow down"}
    assert book.heard("reset") == [("reset", 1, wire.NO_ERROR)]
    assert not book.ears


def test_a_held_call_goes_on_with_what_came_meanwhile() -> None:
    gate = Gate(HOLD)
    book = _book(gate)
    stream = book.ask(CALL, end=False)
    stream.send_data(b"early", False)
    book.run()
    assert not book.ears
    gate.verdict = None
    gate.held[0].resume()
    stream.send_data(b" and late", True)
    book.run()
    assert book.ears[0].bodies == {1: b"early and late"}
    _reply(book)
    assert book.exchanges[0].error == ""
    book.run(10)
    assert len(book.exchanges) == 1


def test_nobody_is_held_for_ever() -> None:
    book = _book(Gate(HOLD))
    book.ask(CALL)
    book.run(5)
    assert dict(book.heard("headers")[0][2])[b"grpc-status"] == b"14"
    assert book.exchanges[0].error == "no-endpoints"


class Deadline:
    """A stage that gives each exchange little time."""

    def on_head(self, x: Exchange) -> None:
        x.deadline = x.started + 0.5


@pytest.mark.parametrize("begun", [False, True])
def test_time_is_up(begun: bool) -> None:
    book = _book(Deadline())
    book.ask(CALL)
    if begun:
        book.ears[0].streams[0].send_headers(OK)
        book.run()
    book.run(1)
    assert book.ears[0].events[-1] == ("reset", 1, wire.CANCEL)
    (x,) = book.exchanges
    assert x.error == "timeout"
    if begun:
        assert book.heard("reset") == [("reset", 1, wire.CANCEL)]
    else:
        assert dict(book.heard("headers")[0][2])[b"grpc-status"] == b"4"


def test_a_slow_client_holds_its_own_server_back_and_nobody_else() -> None:
    book = _book(client=Limits(stream_window=10_000, connection_window=1 << 20))
    for _ in range(2):
        book.ask(CALL)
    slow, quick = book.ears[0].streams
    for served in (slow, quick):
        served.send_headers(OK)
    slow.send_data(bytes(3 << 20))
    book.run()
    quick.send_data(b"at once", True)
    book.run()
    assert book.answers.bodies[3] == b"at once"
    assert len(book.answers.bodies[1]) == 10_000
    assert book.served.h2.streams[1].queued <= 1 << 20
    client = book.client.streams[1]  # type: ignore[union-attr]
    for _ in range(2000):
        client.consumed(client.read_bytes - client.taken)
        book.run()
        if client.read_bytes == 3 << 20:
            break
    assert client.read_bytes == 3 << 20


def test_a_slow_server_holds_its_client_back() -> None:
    book = _book()
    book.fleet.limits = Limits(stream_window=10_000)
    stream = book.ask(CALL, end=False)
    stream.send_data(bytes(3 << 20), True)
    book.run()
    (served,) = book.ears[0].streams
    assert served.read_bytes == 10_000
    assert stream.queued >= (2 << 20) - 10_000
    for _ in range(2000):
        served.consumed(served.read_bytes - served.taken)
        book.run()
        if served.read_bytes == 3 << 20:
            break
    assert served.read_bytes == 3 << 20


def test_draining_announces_then_refuses_and_closes_at_the_end() -> None:
    book = _book()
    book.ask(CALL)
    book.served.drain()
    book.served.drain()
    book.run()
    assert book.heard("goaway") == [("goaway", wire.LARGEST_ID, 0)]
    book.run(1)
    assert book.heard("goaway")[-1] == ("goaway", 1, 0)
    assert not book.served.side.closed  # type: ignore[attr-defined]
    _reply(book)
    assert book.served.side.closed  # type: ignore[attr-defined]
    assert book.served not in book.host.open


def test_a_client_that_leaves_takes_its_requests_along() -> None:
    book = _book()
    book.ask(CALL)
    book.served.side.lose()  # type: ignore[attr-defined]
    book.run()
    assert book.ears[0].events[-1] == ("reset", 1, wire.CANCEL)
    assert book.exchanges[0].error == "client-closed"


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "answer", "take-answer", "take-question", "block", "unblock", "run"]),
        st.integers(0, 40_000),
    ),
    max_size=20,
)


@given(STEPS, st.integers(1000, 30_000), st.integers(1000, 30_000))
@settings(max_examples=40, deadline=None)
def test_no_byte_is_lost_or_repeated(steps: list[tuple[str, int]], near: int, far: int) -> None:
    book = _book(client=Limits(stream_window=near, connection_window=65_535 + near))
    book.fleet.limits = Limits(stream_window=far, connection_window=65_535 + far)
    question = book.ask(CALL, end=False)
    (answer,) = book.ears[0].streams
    answer.send_headers(OK)
    carrier = book.links[-1][0]
    said, told = bytearray(), bytearray()

    def take(stream: Any) -> None:
        stream.consumed(stream.read_bytes - stream.taken)

    for what, size in steps:
        piece = bytes(n % 251 for n in range(len(said) + len(told), len(said) + len(told) + size))
        if what == "ask":
            question.send_data(piece)
            said += piece
        elif what == "answer":
            answer.send_data(piece)
            told += piece
        elif what in ("take-answer", "take-question"):
            take(question if what == "take-answer" else answer)
        elif what in ("block", "unblock"):
            for edge in (book.served, carrier):
                edge.pause_writing() if what == "block" else edge.resume_writing()
        else:
            book.run()
    for edge in (book.served, carrier):
        edge.resume_writing()
    question.send_data(b"", True)
    answer.send_trailers(DONE)
    client = book.client
    assert client is not None
    for _ in range(20_000):
        book.run()
        if not client.streams and answer.remote_closed:
            break
        take(question)
        take(answer)
    assert book.ears[0].bodies.get(answer.id, b"") == said
    assert book.answers.bodies.get(question.id, b"") == told
    (x,) = book.exchanges
    assert (x.request_bytes <= len(said), x.response_bytes, x.grpc_status) == (True, len(told), 0)


@pytest.mark.parametrize("why", ["requests-limit", "buffer-limit"])
@pytest.mark.parametrize("request_", [CALL, REQUEST])
def test_limits_are_told(request_: Fields, why: str) -> None:
    book = _book()
    bounds = book.runtime.bounds
    if why == "requests-limit":
        bounds.requests = 0
    else:
        bounds.waiting = bounds.waited + 1
    book.ask(request_)
    fields = dict(book.heard("headers")[0][2])
    assert (fields[b":status"], fields.get(b"grpc-status")) == ((b"200", b"14") if request_ is CALL else (b"503", None))
    assert fields[b"meshtui-error"] == why.encode()
    (x,) = book.exchanges
    assert (x.error, x.endpoint, x.classification) == (why, None, FAILURE)
    assert (book.runtime.counters.inflight, bounds.refused[why]) == (0, 1)


def test_a_connection_over_the_limit_is_told_and_let_go() -> None:
    book = _book()
    book.served.door = book.served.door.over()
    book.served.stack_head = book.served.door.stack.head
    book.ask(CALL)
    assert dict(book.heard("headers")[0][2])[b"meshtui-error"] == b"connections-limit"
    book.run(1)
    assert book.served.side.closed  # type: ignore[attr-defined]


def test_a_connection_over_the_limit_that_asks_for_nothing_is_let_go_too() -> None:
    book = _book()
    book.served.door = book.served.door.over()
    for _ in range(2):
        book.served.tick()
    book.run(1)
    assert book.served.side.closed  # type: ignore[attr-defined]


def test_an_idle_client_is_let_go_after_an_hour() -> None:
    book = _book()
    book.ask(CALL)
    for _ in range(800):
        book.served.tick()
    _reply(book)
    book.run(1)
    assert not book.served.side.closed  # type: ignore[attr-defined]
    for _ in range(722):
        book.served.tick()
    book.run(1)
    assert book.served.side.closed  # type: ignore[attr-defined]


def test_a_head_that_never_ends_is_given_up() -> None:
    book = _book()
    block = b"\x83\x86\x84\x01\x01a"
    book.served.data_received(wire.frame(wire.HEADERS, 1, 1, block))
    for _ in range(7):
        assert not book.served.side.closed  # type: ignore[attr-defined]
        book.served.tick()
    assert book.served.side.closed  # type: ignore[attr-defined]


@pytest.mark.parametrize("end", ["read", "client", "server", "connection"])
def test_what_waits_is_counted_until_it_no_longer_does(end: str) -> None:
    book = _book(client=Limits(stream_window=10_000))
    stream = book.ask(CALL)
    served = book.ears[0].streams[0]
    served.send_headers(OK)
    served.send_data(bytes(100_000))
    book.run()
    assert book.runtime.bounds.waiting == 90_000
    if end == "read":
        for _ in range(20):
            stream.consumed(stream.read_bytes - stream.taken)
            book.run()
        assert stream.read_bytes == 100_000
    elif end == "client":
        stream.reset(wire.CANCEL)
    elif end == "server":
        served.reset(wire.CANCEL)
    else:
        book.served.side.lose()  # type: ignore[attr-defined]
    book.run()
    assert book.runtime.bounds.waiting == 0


def test_a_server_that_died_without_a_word_is_found_out() -> None:
    book = _book()
    book.ask(CALL)
    _reply(book)
    book.run(100)  # an idle connection is nobody's concern
    book.links.pop()
    book.ask(CALL)
    book.run(14)
    assert len(book.exchanges) == 1
    book.run(3)
    assert book.exchanges[1].error == "upstream-silent"
    assert dict(book.heard("headers")[-1][2])[b"grpc-status"] == b"14"
    assert book.served.door.target.endpoints[0].carriers.current is None  # type: ignore[union-attr]


def test_a_server_that_is_only_slow_is_waited_for_and_not_pestered() -> None:
    book = _book()
    for _ in range(30):
        book.ask(CALL)
        book.run(10)
    assert not book.exchanges
    assert book.links[-1][0].h2.pongs == 2
    _reply(book)
    book.run(2)
    book.ask(CALL)
    book.run(10)
    assert book.links[-1][0].h2.pongs == 3


def test_at_the_end_of_the_grace_period_every_request_is_ended_for_that_reason() -> None:
    book = _book()
    silent, begun = book.ask(CALL), book.ask(CALL)
    book.ears[0].streams[1].send_headers(OK)
    book.run()
    book.served.cut("draining")
    book.run()
    assert [(x.error, x.status) for x in book.exchanges] == [("draining", 200), ("draining", 200)]
    (_, number, answer, end), _ = book.heard("headers")[::-1]
    assert (number, end, dict(answer)[b"meshtui-error"]) == (silent.id, True, b"draining")
    assert book.heard("reset") == [("reset", begun.id, wire.CANCEL)]
    assert book.served.side.closed  # type: ignore[attr-defined]


def test_who_comes_when_it_drains_already_is_told_at_once() -> None:
    book = _book()
    book.host.draining = True
    late = Served(book.host, book.fleet, book.served.door, ME, None)
    ear = book.far(late, CLIENT, Limits())
    late.connection_made(late.side)  # type: ignore[attr-defined]
    book.run(2 * GOODBYE_S)
    assert [event[0] for event in ear.events] == ["goaway", "goaway"]
    assert late.side.closed  # type: ignore[attr-defined]


@pytest.mark.parametrize("end", ["late", "client"])
def test_who_has_given_up_waiting_for_room_is_forgotten(end: str) -> None:
    book = _book()
    book.fleet.limits = Limits(streams=1)
    for _ in range(8 + 3):
        stream = book.ask(CALL)
    (carriers,) = book.fleet._all
    assert len(carriers.waiting) == 3
    if end == "late":
        book.run(10.1)
        assert not carriers.waiting
    else:
        stream.reset(wire.CANCEL)
        book.run()
        assert len(carriers.waiting) == 2
