"""Questions and answers of each dialect: tickets come back once answered, and nothing else passes."""

import pytest

from tests.bench import words
from tests.bench.dialects import Echo, Grpc, GrpcStream, Http1, WebSocket, WrongAnswer
from tests.bench.origin import Grpc as Origin


def cut(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("body", [0, 300])
def test_http1(size, body):
    talk = Http1(1, body)
    assert talk.ask(1.0) == words.http_request(body)
    assert talk.free == 0
    heard = [ticket for part in cut(words.http_answer(body), size) for ticket in talk.hear(part)]
    assert (heard, talk.free) == ([1.0], 1)


@pytest.mark.parametrize(
    "wrong", [words.http_answer(0).replace(b"200 OK", b"503 No"), words.http_answer(9), words.http_answer(0) * 2]
)
def test_http1_takes_no_other_answer(wrong):
    talk = Http1(1, 0)
    talk.ask(1.0)
    with pytest.raises(WrongAnswer):
        talk.hear(wrong)


@pytest.mark.parametrize("size", [1, 10, 1000])
def test_websocket_asks_only_once_it_was_upgraded(size):
    talk = WebSocket(2)
    assert talk.greet() == words.UPGRADE
    assert talk.free == 0
    for part in cut(words.UPGRADED, size):
        assert talk.hear(part) == []
    assert talk.free == 2
    talk.ask(1.0), talk.ask(2.0)
    assert [ticket for part in cut(words.ECHO_FRAME * 2, size) for ticket in talk.hear(part)] == [1.0, 2.0]


def test_websocket_refused():
    with pytest.raises(WrongAnswer, match="no upgrade"):
        WebSocket(1).hear(b"HTTP/1.1 403 Forbidden\r\n\r\n")


def test_a_frame_is_masked_as_the_origin_unmasks_it():
    mask, masked = words.ASK_FRAME[2:6], words.ASK_FRAME[6:]
    assert bytes(byte ^ mask[i % 4] for i, byte in enumerate(masked)) == words.ECHO_FRAME[2:]


def test_echo():
    talk = Echo(2, 100)
    talk.ask(1.0), talk.ask(2.0)
    assert talk.hear(bytes(150)) == [1.0]
    assert talk.hear(bytes(50)) == [2.0]
    talk.ask(3.0)
    with pytest.raises(WrongAnswer, match="other bytes"):
        talk.hear(b"\0" * 99 + b"x")


class Line:
    """A transport and a loop for the origin, whose output is taken when asked for."""

    def __init__(self, monkeypatch):
        self.written = b""
        monkeypatch.setattr("asyncio.get_running_loop", lambda: self)
        self.origin = Origin()
        self.origin.connection_made(self)

    def call_soon(self, act):
        self.act = act

    def is_closing(self):
        return False

    def write(self, data):
        self.written += data

    def answer(self, data):
        self.origin.data_received(data)
        self.act()
        written, self.written = self.written, b""
        return written


@pytest.mark.parametrize("make", [Grpc, GrpcStream])
def test_grpc_with_the_origin(make, monkeypatch):
    talk, line = make(2), Line(monkeypatch)
    opening = talk.greet()
    assert talk.free == 0  # not before the server's SETTINGS
    talk.hear(line.answer(opening))
    assert talk.free == 2
    for first in (1.0, 3.0):
        asked = talk.reply() + talk.ask(first) + talk.ask(first + 1)
        assert (talk.free, talk.unanswered) == (0, 2)
        assert talk.hear(line.answer(asked)) == [first, first + 1]
    assert (talk.free, talk.unanswered) == (2, 0)


def test_a_call_that_fails_is_no_answer(monkeypatch):
    talk, line = Grpc(1), Line(monkeypatch)
    monkeypatch.setattr("tests.bench.origin.TRAILERS", [(b"grpc-status", b"14", False)])
    talk.hear(line.answer(talk.greet()))
    with pytest.raises(WrongAnswer, match="a call failed"):
        talk.hear(line.answer(talk.reply() + talk.ask(1.0)))
