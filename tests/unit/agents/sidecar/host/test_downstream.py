"""HTTP/1 through a sidecar: what the application sees, what the client gets, what is counted."""

from collections.abc import Callable
from time import perf_counter

import pytest

from agents.sidecar.engine.exchange import FAILURE, SUCCESS, Exchange
from agents.sidecar.engine.stack import Reply, Verdict
from agents.sidecar.host.hopstream import UncarriedError
from agents.sidecar.state.endpoints import Endpoint, EndpointSet
from agents.sidecar.state.peers import Peer
from meshcore.wire import discovery_pb2
from tests.support.playbook import SERVICE, Playbook, Side, endpoints
from tests.support.smuggling import CHUNKED_HEAD, CHUNKS, HEADS

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
NONE = b"HTTP/1.1 204 No Content\r\n\r\n"


def failure(status: int, phrase: bytes, reason: bytes, close: bool = False, body: bool = True) -> bytes:
    return (
        b"HTTP/1.1 %d %b\r\nmeshtui-error: %b\r\ncontent-length: %d\r\ncontent-type: text/plain; charset=utf-8\r\n"
        % (status, phrase, reason, len(reason) + 1)
        + (b"connection: close\r\n" if close else b"")
        + b"\r\n"
        + (reason + b"\n" if body else b"")
    )


def test_a_request_and_its_answer_pass_as_they_are_in_one_write_each() -> None:
    book = Playbook()
    book.client >> GET
    book.server() << GET
    book.server() >> OK
    book.client << OK
    assert book.client.writes == book.server().writes == 1
    (x,) = book.exchanges
    assert (x.status, x.classification, x.error, x.response_bytes) == (200, SUCCESS, "", 2)
    assert (x.method, x.path, x.authority, x.request_id("boot")) == (b"GET", b"/", b"a", "boot-1-1")


def test_both_connections_are_kept() -> None:
    book = Playbook()
    for _ in range(3):
        book.client >> GET
        book.server() >> OK
        book.client << OK
    assert len(book.dials.sides) == 1
    assert [x.stream for x in book.exchanges] == [1, 2, 3]


def test_pipelined_requests_are_answered_in_order_one_at_a_time() -> None:
    book = Playbook()
    book.client >> GET + POST + b"body" + GET
    book.server() << GET
    book.server() >> OK
    book.server() << POST + b"body"
    book.server() >> NONE
    book.server() << GET
    book.server() >> OK
    book.client << OK + NONE + OK
    assert len(book.dials.sides) == 1


def test_too_much_pipelining_is_not_read() -> None:
    book = Playbook()
    book.client >> GET
    for _ in range(1000):
        book.client >> GET * 10
        if book.client.paused:
            break
    assert book.client.paused
    for _ in range(5000):
        if not book.client.paused:
            break
        book.server() >> OK
    assert not book.client.paused


def test_bodies_pass_as_they_come() -> None:
    book = Playbook()
    book.client >> POST
    book.server() << POST
    book.client >> b"bo"
    book.server() << b"bo"
    book.client >> b"dy"
    book.server() << b"dy"
    book.server() >> b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
    book.server() >> b"bo"
    book.server() >> b"dy"
    book.client << b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"
    (x,) = book.exchanges
    assert (x.request_bytes, x.response_bytes) == (4, 4)


def test_chunks_and_trailers_pass() -> None:
    book = Playbook()
    book.client >> CHUNKED + b"3\r\nab"
    book.client >> b"c\r\n0\r\nX: y\r\n\r\n"
    book.server() << CHUNKED + b"3\r\nabc\r\n0\r\nX: y\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nTr: ailer\r\n\r\n"
    for at in range(len(answer)):
        book.server() >> answer[at : at + 1]
    book.client << answer
    assert book.exchanges[0].trailers == [(b"tr", b"ailer")]


def test_continue_passes_both_ways() -> None:
    book = Playbook()
    head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    book.client >> head
    book.server() << head
    book.server() >> b"HTTP/1.1 100 Continue\r\n\r\n"
    book.client << b"HTTP/1.1 100 Continue\r\n\r\n"
    book.client >> b"body"
    book.server() << b"body"
    book.server() >> OK
    book.client << OK
    assert not book.client.closed


def test_an_answer_before_the_body_ends_the_connection() -> None:
    book = Playbook()
    book.client >> POST
    book.server() >> b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"
    book.client << b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    assert book.client.eof
    assert book.server().closed
    book.client >> b"body"
    book.clock.advance(2)
    assert book.client.closed


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_answers_without_a_body(status: bytes) -> None:
    book = Playbook()
    book.client >> GET
    book.server() >> b"HTTP/1.1 " + status + b"\r\n\r\n"
    book.client >> GET
    book.server() >> OK
    book.client << b"HTTP/1.1 " + status + b"\r\n\r\n" + OK


def test_head_has_no_body() -> None:
    book = Playbook()
    book.client >> b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
    book.server() >> b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
    assert len(book.exchanges) == 1
    book.client >> GET
    book.server() >> OK
    assert len(book.exchanges) == 2


def test_an_answer_until_the_end_of_the_connection() -> None:
    book = Playbook()
    book.client >> GET
    book.server() >> b"HTTP/1.1 200 OK\r\n\r\nall"
    book.server() >> b" of it"
    book.server().hang_up()
    book.client << b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it"
    assert book.client.closed
    assert book.exchanges[0].error == ""


def test_http_1_0_clients() -> None:
    book = Playbook()
    book.client >> b"GET / HTTP/1.0\r\n\r\n"
    book.server() << b"GET / HTTP/1.0\r\n\r\n"
    book.server() >> OK
    book.client << b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    assert book.client.closed
    book.client = book.connect()
    book.client >> b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    book.server() >> OK
    book.client << b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"
    assert not book.client.closed


def test_http_1_0_clients_get_no_chunks() -> None:
    book = Playbook()
    book.client >> b"GET / HTTP/1.0\r\n\r\n"
    book.server() >> b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    book.client << failure(502, b"Bad Gateway", b"bad-framing", close=True)


def test_http_1_0_servers() -> None:
    book = Playbook()
    book.client >> GET
    book.server() >> b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"
    book.client << OK
    assert not book.client.closed
    book.client >> GET
    assert len(book.dials.sides) == 2


def test_client_closes_after_its_request() -> None:
    book = Playbook()
    book.client >> b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    book.server() << GET
    book.server() >> OK
    book.client << b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    assert book.client.closed
    assert not book.server().closed


def test_half_closed_clients_get_their_answer() -> None:
    book = Playbook()
    book.client >> GET
    book.client.hang_up()
    assert not book.client.closed
    book.server() >> OK
    assert book.client.received.endswith(b"ok")
    assert book.client.closed


def test_what_was_pipelined_before_the_last_word_is_answered() -> None:
    book = Playbook()
    book.client >> GET * 3
    book.client.hang_up()
    for _ in range(2):
        book.server() >> OK
    assert not book.client.closed
    book.server() >> OK
    book.client << OK + OK + b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    assert book.client.closed
    assert [x.status for x in book.exchanges] == [200] * 3


@pytest.mark.parametrize("part", [b"GET / HT", POST + b"bo"])
def test_what_the_last_word_has_cut_short_is_not_waited_for(part: bytes) -> None:
    book = Playbook()
    book.client >> GET + part
    book.client.hang_up()
    book.server() >> OK
    book.client << OK
    assert book.client.closed
    assert [x.error for x in book.exchanges] == ["", "client-closed"][: 1 + (part[:4] == b"POST")]


def test_websocket() -> None:
    book = Playbook()
    book.client >> b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-X: 1\r\n\r\n"
    book.server() << b"GET /ws HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\nHost: a\r\nSec-X: 1\r\n\r\n"
    book.server() >> b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst"
    book.client << b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nfirst"
    book.client >> b"GET / HTTP/1.1\r\n\r\n"
    book.server() << b"GET / HTTP/1.1\r\n\r\n"
    book.server() >> b"\x81\x00"
    book.client << b"\x81\x00"
    assert not book.exchanges
    book.client.hang_up()
    assert book.server().eof
    book.server() >> b"last"
    book.client << b"last"
    book.server().hang_up()
    (x,) = book.exchanges
    assert (x.status, x.classification, x.error) == (101, SUCCESS, "")
    assert book.client.closed


def test_websocket_whose_server_ends_first() -> None:
    book = Playbook()
    book.client >> b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    book.server() >> b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    book.server().hang_up()
    assert book.client.eof
    book.client >> b"more"
    assert book.server().received.endswith(b"more")
    book.client.hang_up()
    assert book.server().closed
    assert not book.server().aborted
    assert [x.error for x in book.exchanges] == [""]


@pytest.mark.parametrize("early", [b"", b"early"])
def test_a_client_that_has_said_all_before_the_switch(early: bytes) -> None:
    book = Playbook()
    book.client >> b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n" + early
    book.client.hang_up()
    assert not book.server().eof
    book.server().received = b""
    book.server() >> b"HTTP/1.1 200 OK\r\n\r\n"
    book.server() << early
    assert book.server().eof
    book.server() >> b"answer"
    book.client << b"HTTP/1.1 200 OK\r\n\r\nanswer"
    book.server().hang_up()
    assert book.client.closed


def test_what_was_meant_for_a_tunnel_that_is_refused_is_no_request() -> None:
    book = Playbook()
    book.client >> b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n" + GET
    book.server() >> b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"
    book.client << b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"
    assert book.client.closed
    assert len(book.exchanges) == 1


def test_a_switch_that_nobody_asked_for_is_refused() -> None:
    book = Playbook()
    book.client >> GET
    book.server() >> b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
    book.client << failure(502, b"Bad Gateway", b"bad-upgrade")


def test_refusals_are_answered_counted_and_final() -> None:
    book = Playbook()
    book.client >> GET[:-2] + b"X : y\r\n\r\n" + GET
    book.client << failure(400, b"Bad Request", b"bad-head", close=True)
    assert not book.dials.sides
    (x,) = book.exchanges
    assert (x.status, x.error, x.classification) == (400, "bad-head", SUCCESS)
    assert sum(cell.count for edge in book.runtime.counters.all() for cell in edge.cells.values()) == 1


@pytest.mark.parametrize("text", HEADS.values(), ids=HEADS.keys())
def test_no_smuggled_head_gets_through(text: bytes) -> None:
    for before, size in ((b"", 10_000), (GET, 10_000), (b"", 1)):
        book = Playbook()
        data = before + text + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        for at in range(0, len(data), size):
            if not book.client.closed:
                book.client >> data[at : at + size]
        if before:
            book.server() << GET
            book.server() >> OK
        assert all(side.received == b"" for side in book.dials.sides)
        assert b"HTTP/1.1 400 Bad Request\r\n" in book.client.received
        assert book.client.closed or book.client.eof


@pytest.mark.parametrize("text", CHUNKS.values(), ids=CHUNKS.keys())
def test_no_smuggled_chunk_gets_through(text: bytes) -> None:
    book = Playbook()
    book.client >> CHUNKED_HEAD + text + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    assert all(b"smuggled" not in side.received for side in book.dials.sides)
    assert all(side.aborted for side in book.dials.sides)
    assert b"HTTP/1.1 400 Bad Request\r\n" in book.client.received


def test_the_corpus_is_large() -> None:
    assert len(HEADS) + len(CHUNKS) >= 150


def test_a_bad_chunk_ends_both_connections() -> None:
    book = Playbook()
    book.client >> CHUNKED + b"3\r\nabc\r\n"
    book.client >> b"zz\r\n"
    assert book.server().aborted
    book.client << failure(400, b"Bad Request", b"bad-chunk", close=True)


def test_a_bad_chunk_is_not_answered_in_the_midst_of_an_answer() -> None:
    book = Playbook()
    book.client >> CHUNKED + b"3\r\nabc\r\n"
    book.server() >> b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nab"
    book.client >> b"zz\r\n"
    assert book.server().aborted
    book.client << b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100\r\n\r\nab"
    assert book.client.aborted
    assert [(x.status, x.error) for x in book.exchanges] == [(200, "bad-chunk")]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", b"bad-content-length"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", b"bad-head"),
        (b"HTTP/1.1 200 OK\nContent-Length: 1\n\na", b"bad-head"),
    ],
)
def test_bad_answers_are_502(answer: bytes, reason: bytes) -> None:
    book = Playbook()
    book.client >> GET
    book.server() >> answer
    assert b"502 Bad Gateway\r\nmeshtui-error: " in book.client.received
    assert book.server().aborted
    assert book.exchanges[0].classification == FAILURE


def test_server_that_answers_twice_is_dropped() -> None:
    book = Playbook()
    book.client >> GET
    book.server() >> OK + OK
    book.client << OK
    assert book.server().closed
    book.client >> GET
    assert len(book.dials.sides) == 2


def test_server_that_speaks_unasked_is_dropped() -> None:
    book = Playbook()
    book.client >> GET
    book.server() >> OK
    book.server() >> b"HTTP/1.1 408 Request Timeout\r\n\r\n"
    assert book.server().aborted
    book.client >> GET
    book.server() << GET
    assert len(book.dials.sides) == 2


def test_a_kept_connection_that_closed_is_replaced_without_a_word() -> None:
    book = Playbook()
    book.client >> GET
    book.server() >> OK
    book.client << OK
    book.client >> GET
    book.server(0).lose()
    book.server(1) << GET
    book.server(1) >> OK
    book.client << OK
    assert [x.status for x in book.exchanges] == [200, 200]


def meshed(*addresses: str) -> EndpointSet:
    target = endpoints(*addresses)
    for endpoint in target.endpoints:
        endpoint.peer = Peer(identity="spiffe://local/ns/default/sa/web")
    return target


def test_a_hop_that_goes_down_takes_no_request_along() -> None:
    target = meshed("10.0.0.1:80", "10.0.0.2:80")
    book = Playbook(target)
    book.client >> GET
    book.server(0).lose(ConnectionResetError("upstream-reset"))
    book.server(1) << GET
    assert book.dials.opened[0][0] is not book.dials.opened[1][0]
    book.server(1) >> OK
    book.client << OK
    assert [(x.status, x.attempt) for x in book.exchanges] == [(200, 2)]


def test_a_hop_that_is_leaving_is_not_kept_up_by_the_next_request() -> None:
    book = Playbook(meshed("10.0.0.1:80"))
    for number in range(2):
        book.client >> GET
        book.server(number) << GET
        book.server(number) >> OK
        book.client << OK
        book.server(number).leaving = True
    book.client >> GET
    assert [side.closed for side in book.dials.sides] == [True, True, False]


def test_a_hop_that_leaves_under_a_request_is_not_kept_after_it() -> None:
    book = Playbook(meshed("10.0.0.1:80"))
    book.client >> GET
    book.server().leaving = True
    book.server() >> OK
    book.client << OK
    assert book.server().closed


def test_idle_streams_of_a_hop_that_is_leaving_go_with_the_sweep() -> None:
    book = Playbook(meshed("10.0.0.1:80"))
    book.client >> GET
    book.server() >> OK
    book.host.sweep(0.0)
    assert not book.server().closed
    book.server().leaving = True
    book.host.sweep(0.0)
    assert book.server().closed
    assert book.host.pools[0].idle == []


def test_what_was_sent_is_sent_once_more_at_most() -> None:
    book = Playbook(meshed("10.0.0.1:80"))
    book.client >> GET
    for _ in range(2):
        book.server().lose(ConnectionResetError("upstream-reset"))
    assert len(book.dials.sides) == 2
    book.client << failure(502, b"Bad Gateway", b"upstream-reset")


def test_what_made_an_application_fail_is_not_sent_again() -> None:
    book = Playbook()
    book.client >> GET
    book.server().lose(ConnectionResetError())
    assert len(book.dials.sides) == 1
    book.client << failure(502, b"Bad Gateway", b"upstream-reset")


def test_what_cannot_be_repeated_is_not() -> None:
    book = Playbook()
    book.client >> GET
    book.server() >> OK
    book.client << OK
    book.client >> POST + b"body"
    book.server(0).lose()
    assert book.client.received.startswith(b"HTTP/1.1 502 Bad Gateway\r\nmeshtui-error: upstream-closed")
    assert len(book.dials.sides) == 1


UNSENT = b"HTTP/1.1 503 Service Unavailable\r\nmeshtui-error: %b\r\ncontent-length: 0\r\n\r\n"


@pytest.mark.parametrize("parts", [1, 3])
def test_what_an_application_never_saw_is_asked_of_another(parts: int) -> None:
    target = meshed("10.0.0.1:80", "10.0.0.2:80")
    book = Playbook(target)
    target.endpoints[1].inflight = 5  # so that the first is chosen first
    post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
    for part in [post] if parts == 1 else [post[:-4], b"bo", b"dy"]:
        book.client >> part
    book.server() << post
    book.server() >> UNSENT % b"connect-refused"
    assert book.server(0).aborted
    book.server(1) << post
    book.server(1) >> OK
    book.client << OK
    (x,) = book.exchanges
    assert (x.attempt, x.endpoint, x.error) == (2, target.endpoints[1], "")
    assert [endpoint.inflight for endpoint in target.endpoints] == [0, 5]
    book.client >> post
    book.server(1) << post
    book.server(1) >> OK
    book.client << OK


def test_what_no_connection_of_the_mesh_would_carry_is_asked_of_another() -> None:
    target = meshed("10.0.0.1:80", "10.0.0.2:80")
    book = Playbook(target)
    target.endpoints[1].inflight = 5
    post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
    book.client >> post
    book.server().lose(UncarriedError("connect-refused", post, False))
    book.server(1) << post
    book.server(1) >> OK
    book.client << OK
    assert [(x.attempt, x.endpoint, x.error) for x in book.exchanges] == [(2, target.endpoints[1], "")]


def test_a_body_that_still_comes_goes_there_too() -> None:
    target = meshed("10.0.0.1:80", "10.0.0.2:80")
    book = Playbook(target)
    target.endpoints[1].inflight = 5
    book.client >> b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo"
    book.server() >> UNSENT % b"connect-refused"
    book.client >> b"dy"
    book.server(1) << b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
    book.server(1) >> OK
    book.client << OK


@pytest.mark.parametrize(
    ("answer", "body", "others"),
    [
        (UNSENT % b"upstream-closed", b"body", True),  # it may have been seen
        (b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n", b"body", True),  # the application's word
        (UNSENT % b"connect-refused", b"b" * 70_000, True),  # more than is kept
        (UNSENT % b"connect-refused", b"body", False),
    ],
)
def test_other_failures_are_the_clients(answer: bytes, body: bytes, others: bool) -> None:
    book = Playbook(meshed("10.0.0.1:80", *(["10.0.0.2:80"] if others else [])))
    book.client >> b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) >> body
    book.server() >> answer
    book.client << answer
    assert len(book.dials.sides) == 1


def test_an_application_beside_the_sidecar_is_believed_nothing() -> None:
    book = Playbook(endpoints("10.0.0.1:80", "10.0.0.2:80"))
    book.client >> GET
    book.server() >> UNSENT % b"connect-refused"
    book.client << b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"


def test_an_answer_cut_short_is_not_made_whole() -> None:
    book = Playbook()
    book.client >> GET
    book.server() >> OK[:-1]
    book.server().lose(ConnectionResetError())
    assert book.client.aborted
    (x,) = book.exchanges
    assert (x.status, x.error, x.classification) == (200, "upstream-reset", FAILURE)


def test_refused_connections_are_503() -> None:
    book = Playbook()
    book.dials.refusing.add(book.endpoint)
    book.client >> GET
    book.clock.advance(0)
    book.client << failure(503, b"Service Unavailable", b"connect-refused")
    book.client >> b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
    book.clock.advance(0)
    book.client << failure(503, b"Service Unavailable", b"connect-refused", body=False)
    assert not book.client.closed
    assert [x.error for x in book.exchanges] == ["connect-refused"] * 2


def test_client_that_goes_away_takes_its_request_along() -> None:
    book = Playbook()
    book.client >> GET
    book.client.lose(ConnectionResetError())
    assert book.server().aborted
    (x,) = book.exchanges
    assert (x.status, x.error, x.classification) == (0, "client-closed", FAILURE)


def test_back_pressure_both_ways() -> None:
    book = Playbook()
    book.client >> POST
    book.server().protocol.pause_writing()
    assert book.client.paused
    book.server().protocol.resume_writing()
    assert not book.client.paused
    book.client >> b"body"
    book.server() >> b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
    book.client.protocol.pause_writing()
    assert book.server().paused
    book.server() >> b"body"
    assert not book.server().paused  # it is free for the next client, who may be fast


def test_a_request_waits_for_its_connection() -> None:
    book = Playbook()
    book.dials.manual = True
    book.client >> POST
    book.client >> b"bo"
    book.client >> b"dy"
    side = book.server()
    side << b""
    side.protocol.connection_made(side)
    side << POST + b"body"
    assert side.writes == 1


def test_what_waits_for_a_connection_is_bounded() -> None:
    book = Playbook()
    book.dials.manual = True
    book.client >> b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
    book.client >> b"x" * 70_000
    assert book.client.paused
    side = book.server()
    side.protocol.connection_made(side)
    assert not book.client.paused


def test_client_that_left_before_the_connection_was_there() -> None:
    book = Playbook()
    book.dials.manual = True
    book.client >> GET
    book.client.lose()
    side = book.server()
    side.protocol.connection_made(side)
    assert side.received == b""
    assert side.closed


class Canned:
    """A stage that answers itself."""

    def __init__(self, verdict: Callable[[Exchange], Verdict]) -> None:
        self.on_head = verdict


def test_a_stage_may_answer() -> None:
    book = Playbook(None, Canned(lambda _: Reply(403, "denied", headers=((b"x", b"y"),))))
    book.client >> GET + POST + b"bo"
    book.client >> b"dy"
    assert book.client.received.startswith(b"HTTP/1.1 403 Forbidden\r\nx: y\r\nmeshtui-error: denied\r\n")
    assert b"connection: close" in book.client.received  # the second body was still on its way
    assert not book.dials.sides


@pytest.mark.parametrize("rest", [b"", b"GET / HT"])
def test_a_stage_may_answer_what_was_pipelined_before_the_last_word(rest: bytes) -> None:
    book = Playbook(None, Canned(lambda x: None if x.stream == 1 else Reply(403, "denied")))
    book.client >> GET * 3 + rest
    book.client.hang_up()
    book.server() >> OK
    assert book.client.received.count(b"HTTP/1.1 403 Forbidden\r\n") == 2
    assert book.client.closed


def test_a_target_that_is_not_known_yet_holds_the_request() -> None:
    target = EndpointSet("emoji.default")
    book = Playbook(target)
    book.client >> POST
    assert not book.dials.sides
    assert book.client.paused
    update = discovery_pb2.EndpointsUpdate(snapshot=True, exists=True)
    update.put.add(id="1", ip="10.0.0.1", port=80, weight=1)
    target.apply(update)
    assert not book.client.paused
    book.server() << POST
    book.client >> b"body"
    book.server() << b"body"
    book.server() >> OK
    book.client << OK
    assert target.by_id["1"].inflight == 0


def test_nobody_waits_for_ever() -> None:
    book = Playbook(EndpointSet("emoji.default"))
    book.client >> GET
    book.clock.advance(3.1)
    book.client << failure(503, b"Service Unavailable", b"discovery-timeout")
    empty = endpoints()
    book = Playbook(empty)
    book.client >> GET
    book.clock.advance(3.1)
    book.client << failure(503, b"Service Unavailable", b"no-endpoints")


def test_a_service_that_does_not_exist() -> None:
    target = EndpointSet("emoji.default")
    target.exists = False
    book = Playbook(target)
    book.client >> GET
    book.client << failure(502, b"Bad Gateway", b"unknown-service")
    target.fallback = Endpoint("example.com", 80, peer=Peer(address="example.com:80"))
    book.client >> GET
    book.server() << GET


def test_an_endpoint_that_cannot_be_reached_is_replaced() -> None:
    target = endpoints("10.0.0.1:80", "10.0.0.2:80")
    book = Playbook(target)
    for endpoint, ewma in zip(target.endpoints, (0.001, 10.0), strict=True):  # so that the first one is tried first
        endpoint.stamp, endpoint.ewma = perf_counter(), ewma
    book.dials.refusing.add(target.endpoints[0])
    book.client >> POST + b"body"
    book.clock.advance(0)
    book.server() << POST + b"body"
    book.server() >> OK
    book.client << OK
    (x,) = book.exchanges
    assert x.attempt == 2
    assert x.endpoint is target.endpoints[1]
    assert [endpoint.inflight for endpoint in target.endpoints] == [0, 0]
    assert x.link is target.endpoints[1].link


def test_a_deadline_ends_a_request() -> None:
    def soon(x: Exchange) -> None:
        x.deadline = x.started + 1.0

    book = Playbook(None, Canned(soon))
    book.client >> GET
    book.clock.advance(1.1)
    book.client << failure(504, b"Gateway Timeout", b"timeout")
    assert book.server().aborted
    book.client >> GET
    book.server() >> OK
    book.client << OK
    book.clock.advance(2)
    assert [x.error for x in book.exchanges] == ["timeout", ""]


def test_draining() -> None:
    book = Playbook()
    idle = book.connect()
    book.client >> GET
    for side in (idle, book.client):
        side.protocol.drain()
    assert idle.closed
    assert not book.client.closed
    book.server() >> OK
    book.client << b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    assert book.client.closed
    assert not book.host.open


def test_a_head_that_never_ends_is_given_up() -> None:
    book = Playbook()
    idle = book.connect()
    book.client >> GET
    book.server() >> OK
    book.client << OK
    book.client >> GET[:5]
    for _ in range(6):
        book.host.sweep(0.0)
    assert book.client.received == b""
    book.host.sweep(0.0)
    book.client << failure(408, b"Request Timeout", b"head-timeout", close=True)
    assert not idle.closed


def test_nothing_stays_with_the_target_of_requests_given_up() -> None:
    target = EndpointSet("emoji.default")
    book = Playbook(target)
    book.client >> GET
    gone = book.connect()
    gone >> GET
    gone.lose()
    book.clock.advance(3.1)
    assert not target._waiters


def test_counted_once_per_edge_and_outcome() -> None:
    book = Playbook()
    for answer in (OK, OK, b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"):
        book.client >> GET
        book.server() >> answer
    (edge,) = book.runtime.counters.all()
    assert (edge.direction, edge.service_name, edge.port, edge.no_tls_reason) == (
        1,
        SERVICE.name,
        8080,
        "no_tls_from_remote",
    )
    found = {(cell.status, cell.classification): cell.count for cell in edge.cells.values()}
    assert found == {(200, SUCCESS): 2, (500, FAILURE): 1}
    assert book.runtime.counters.inflight == 0


def test_a_connection_that_became_a_tunnel_is_never_used_again() -> None:
    book = Playbook()
    book.client >> b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
    book.server() >> b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
    book.server() >> b"hello"
    book.server().lose()
    assert book.client.closed
    assert book.connect() >> GET
    book.server() << GET
    assert len(book.dials.sides) == 2


def test_an_idle_connection_that_is_about_to_be_lost_is_not_used() -> None:
    book = Playbook()
    book.client >> GET
    book.server() >> OK
    book.server().closed = True  # the loop has yet to say so
    book.client >> GET
    assert len(book.dials.sides) == 2
    book.server() >> OK
    assert not book.server().protocol.eof_received()  # closed by the server, and at once out of the way
    book.client >> GET
    assert len(book.dials.sides) == 3


def test_too_many_requests_in_flight() -> None:
    book = Playbook()
    book.runtime.bounds.requests = 1
    book.client >> GET
    other = book.connect()
    other >> GET
    other << failure(503, b"Service Unavailable", b"requests-limit")
    book.server() >> OK
    other >> GET  # the connection goes on, and there is room again
    book.server() >> OK
    other << OK
    assert [(x.status, x.error) for x in book.exchanges] == [(503, "requests-limit"), (200, ""), (200, "")]
    assert book.runtime.counters.inflight == 0


def test_bytes_that_wait_for_slow_readers_are_given_back_when_they_leave() -> None:
    class Slow(Side):
        def get_extra_info(self, name: str, default: object = None) -> object:
            return self

        def get_write_buffer_size(self) -> int:
            return 100_000

    book = Playbook()
    bounds = book.runtime.bounds
    bounds.waited = 150_000
    slow = [Slow(book.connect().protocol) for _ in range(2)]
    for side in slow:
        side.protocol.connection_made(side)
        side.protocol.pause_writing()
    assert bounds.waiting == 200_000
    book.client >> GET
    book.client << failure(503, b"Service Unavailable", b"buffer-limit")
    slow[0].protocol.resume_writing()
    slow[1].lose(ConnectionResetError())
    assert bounds.waiting == 0
    book.client >> GET
    book.server() >> OK
    book.client << OK


def test_a_connection_over_the_limit_is_told_and_closed() -> None:
    book = Playbook()
    book.door = book.door.over()
    client = book.connect()
    client >> GET + GET
    client << failure(503, b"Service Unavailable", b"connections-limit", close=True)
    assert client.closed
    assert not book.dials.sides
    assert book.runtime.counters.inflight == 0
    assert book.runtime.bounds.refused["connections-limit"] == 1


def test_an_idle_client_is_let_go_after_an_hour() -> None:
    book = Playbook()
    busy = book.connect()
    for _ in range(721):
        book.client.protocol.tick()
        busy >> GET
        book.server() >> OK
        busy.protocol.tick()
    assert book.client.closed
    assert not busy.closed


def test_an_upload_that_two_endpoints_were_slow_to_take_goes_on() -> None:
    book = Playbook(endpoints("10.0.0.1:80", "10.0.0.2:80"))
    book.dials.manual = True
    size = 200_000
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size
    first = b"x" * 100_000
    book.client >> head
    book.client >> first
    assert book.client.paused  # nobody takes it yet
    book.server(0).protocol.connection_lost(TimeoutError("connect-timeout"))
    book.server(1).protocol.connection_made(book.server(1))
    book.server(1) << head + first
    assert not book.client.paused
    rest = b"y" * (size - len(first))
    book.client >> rest
    book.server(1) << rest
    book.server(1) >> OK
    book.client << OK
    assert [(x.status, x.attempt) for x in book.exchanges] == [(200, 2)]


def test_a_request_that_is_cut_while_it_is_held_leaves_the_next_one_its_turn() -> None:
    target = EndpointSet("web.default:8080")
    book = Playbook(target)
    book.client >> GET
    (down,) = book.host.open
    down.cut("buffer-limit")
    book.client << failure(503, b"Service Unavailable", b"buffer-limit")
    book.client >> GET
    book.clock.advance(5)
    book.client << failure(503, b"Service Unavailable", b"discovery-timeout")
    assert [x.error for x in book.exchanges] == ["buffer-limit", "discovery-timeout"]
