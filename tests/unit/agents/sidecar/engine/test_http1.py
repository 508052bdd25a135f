"""Framing: where messages end, however the bytes arrive."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.sidecar.engine.http1 import RefusedError, Request, Requests, Response, Responses
from tests.support.smuggling import CHUNKED_HEAD, CHUNKS


class Server(Requests):
    """Answers every request as soon as it is whole, and keeps what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[tuple[bytes, bytes]] = []  # target and all bytes
        self.refused: RefusedError | None = None
        self._bytes = b""
        self._target = b""

    def on_head(self, head: Request, data: bytes, last: bool) -> None:
        self._target, self._bytes = head.target, data
        self._ended(last)

    def on_body(self, data: bytes, last: bool) -> None:
        self._bytes += data
        self._ended(last)

    def on_refused(self, error: RefusedError) -> None:
        self.refused = error

    def _ended(self, last: bool) -> None:
        if last:
            self.messages.append((self._target, self._bytes))
            self.proceed()


class Client(Responses):
    """Keeps what it was told."""

    def __init__(self, *methods: bytes) -> None:
        super().__init__()
        self.methods = list(methods)
        self.seen: list[Any] = []
        self.surplus = 0
        self.refused: RefusedError | None = None
        self.expect(self.methods.pop(0))

    def on_head(self, head: Response, data: bytes, last: bool) -> None:
        self.seen.append([head.status, data, last])
        self._next(head, last)

    def on_body(self, data: bytes, last: bool) -> None:
        self.seen[-1][1] += data
        self.seen[-1][2] = last
        self._next(None, last)

    def on_refused(self, error: RefusedError) -> None:
        self.refused = error

    def on_surplus(self) -> None:
        self.surplus += 1

    def _next(self, head: Response | None, last: bool) -> None:
        if last and self.methods and (head is None or head.status >= 200):
            self.expect(self.methods.pop(0))


SIMPLE = b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
LENGTH = b"POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789"
CHUNKED = (
    b'POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x="y z"\r\n0123456789\r\n0\r\n\r\n'
)
TRAILED = b"POST /4 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\n\r\n000\r\nX: y\r\nZ: w\r\n\r\n"
PIPELINE = SIMPLE + LENGTH + CHUNKED + b"\r\n" + TRAILED + SIMPLE
EXPECTED = [(b"/1", SIMPLE), (b"/2", LENGTH), (b"/3", CHUNKED), (b"/4", TRAILED), (b"/1", SIMPLE)]


def test_a_pipeline_in_one_piece() -> None:
    server = Server()
    server.receive(PIPELINE)
    assert server.messages == EXPECTED
    assert server.idle


@pytest.mark.parametrize("size", [1, 2, 3, 7, 31])
def test_a_pipeline_in_pieces_of_one_size(size: int) -> None:
    server = Server()
    for at in range(0, len(PIPELINE), size):
        server.receive(PIPELINE[at : at + size])
    assert server.messages == EXPECTED


def test_a_pipeline_split_anywhere() -> None:
    for at in range(1, len(PIPELINE)):
        server = Server()
        server.receive(PIPELINE[:at])
        server.receive(PIPELINE[at:])
        assert server.messages == EXPECTED, at


@given(st.lists(st.integers(1, len(PIPELINE)), max_size=12))
def test_a_pipeline_split_many_times(cuts: list[int]) -> None:
    server = Server()
    begin = 0
    for cut in [*sorted(cuts), len(PIPELINE)]:
        if cut > begin:
            server.receive(PIPELINE[begin:cut])
            begin = cut
    assert server.messages == EXPECTED


def test_many_pipelined_requests_need_no_stack() -> None:
    server = Server()
    server.receive(SIMPLE * 5000)
    assert len(server.messages) == 5000


def test_the_next_request_waits() -> None:
    class Slow(Server):
        def proceed(self) -> None:
            pass

    server = Slow()
    server.receive(SIMPLE + LENGTH)
    assert [target for target, _ in server.messages] == [b"/1"]
    Requests.proceed(server)
    assert [target for target, _ in server.messages] == [b"/1", b"/2"]


@pytest.mark.parametrize("text", CHUNKS.values(), ids=CHUNKS.keys())
@pytest.mark.parametrize("bytewise", [False, True])
def test_bad_chunks(text: bytes, bytewise: bool) -> None:
    server = Server()
    if bytewise:
        for at in range(len(CHUNKED_HEAD + text)):
            server.receive((CHUNKED_HEAD + text)[at : at + 1])
    else:
        server.receive(CHUNKED_HEAD + text)
    assert server.refused is not None
    assert server.refused.status == 400
    assert server.messages == []


@pytest.mark.parametrize(
    "body", [b"5;" + b"a" * 600 + b"\r\nhello\r\n0\r\n\r\n", b"0\r\nx: " + b"a" * 40_000 + b"\r\n\r\n"]
)
@pytest.mark.parametrize("step", [100, 100_000])
def test_long_lines_of_chunks_are_refused_however_they_come(body: bytes, step: int) -> None:
    server = Server()
    data = CHUNKED_HEAD + body
    for at in range(0, len(data), step):
        server.receive(data[at : at + step])
    assert server.refused is not None
    assert not server.messages


@pytest.mark.parametrize("step", [1, 3, 100])
def test_a_head_of_bare_lf_is_refused_before_it_ends(step: int) -> None:
    server = Server()
    data = b"GET / HTTP/1.1\nHost: a\n\n"
    for at in range(0, len(data), step):
        server.receive(data[at : at + step])
    assert server.refused is not None


def test_head_limits() -> None:
    for text, status in (
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 9000, 431),
        (b"GET /" + b"x" * 10_000, 414),
        (b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\nHost: a\n", 400),
    ):
        for size in (997, len(text)):
            server = Server()
            for at in range(0, len(text), size):
                server.receive(text[at : at + size])
            assert server.refused is not None
            assert server.refused.status == status, text[:30]


def test_after_a_refusal_nothing_is_read_or_kept() -> None:
    server = Server()
    server.receive(b"nonsense\r\n\r\n" + SIMPLE)
    server.receive(SIMPLE)
    assert server.messages == []
    assert server.held == 0


def test_responses() -> None:
    text = (
        b"HTTP/1.1 100 Continue\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: x\r\n\r\n"
        b"HTTP/1.1 200 OK\r\n\r\nall the rest"
    )
    for size in (1, 2, 5, 17, len(text)):
        client = Client(b"GET", b"HEAD", b"GET", b"GET")
        for at in range(0, len(text), size):
            client.receive(text[at : at + size])
        assert client.eof()
        assert [(status, last) for status, _, last in client.seen] == [(100, True)] + [(200, True)] * 4
        assert b"".join(data for _, data, _ in client.seen) == text


def test_a_response_cut_short() -> None:
    client = Client(b"GET")
    client.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab")
    assert not client.eof()


def test_what_nobody_asked_for_is_told() -> None:
    client = Client(b"GET")
    client.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\n\r\n")
    assert len(client.seen) == 1
    client.receive(b"x")
    assert client.surplus == 1


def test_a_tunnel_passes_everything() -> None:
    client = Client(b"GET")
    client.receive(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nframe")
    assert client.tunnel() == b"frame"
    client.seen.append([0, b"", False])
    client.receive(b"HTTP/1.1 200 OK\r\n\r\n")
    assert client.seen[-1][1] == b"HTTP/1.1 200 OK\r\n\r\n"


def test_a_head_byte_by_byte_is_searched_once() -> None:
    server = Server()
    text = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000 + b"\r\n\r\n"
    for at in range(len(text)):
        server.receive(text[at : at + 1])
    assert server.messages == [(b"/", text)]
