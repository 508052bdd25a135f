"""Why there was no response, in one word; what the pool keeps and lets go."""

import errno
import socket
from typing import ClassVar

import pytest

from agents.sidecar.host.pool import IDLE_LIMIT
from agents.sidecar.host.upstream import reason
from tests.support.playbook import Playbook, Side

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    ("error", "reached", "word"),
    [
        (TimeoutError("connect-timeout"), False, "connect-timeout"),
        (TimeoutError(errno.ETIMEDOUT, "Connection timed out"), True, "upstream-silent"),  # it may have been heard
        (ConnectionRefusedError(), False, "connect-refused"),
        (FileNotFoundError(errno.ENOENT, "no such socket"), False, "connect-refused"),
        (socket.gaierror(-2, "Name or service not known"), False, "no-such-host"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), False, "connect-failed"),
        (ConnectionError("identity-mismatch"), False, "identity-mismatch"),
        (ConnectionResetError(), True, "upstream-reset"),
        (None, True, "upstream-closed"),
    ],
)
def test_reasons(error: BaseException | None, reached: bool, word: str) -> None:
    assert reason(error, reached) == word


@pytest.mark.parametrize("body", [b"bo", b"body"])
def test_an_answer_that_a_reset_overtook_is_read(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    here, there = socket.socketpair()
    with here, there:
        monkeypatch.setattr(Side, "get_extra_info", lambda side, name, default=None: here)
        book = Playbook()
        book.client >> b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n" + body
        there.sendall(OK)
        here.setblocking(False)
        book.server().lose(BrokenPipeError())
    assert book.client.received.endswith(b"\r\n\r\nok")
    assert [(x.status, x.error) for x in book.exchanges] == [(200, "")]
    assert not book.endpoint.pool.idle


def test_idle_connections_are_closed_after_a_while() -> None:
    book = Playbook()
    book.client >> GET
    book.server() >> OK
    pool = book.endpoint.pool
    (idle,) = pool.idle
    book.host.sweep(idle.since + 59)
    assert not book.server().closed
    book.host.sweep(idle.since + 61)
    assert book.server().closed
    assert (pool.idle, pool.open) == ([], 0)


def test_an_endpoint_that_is_gone_keeps_nothing() -> None:
    book = Playbook()
    book.client >> GET
    book.endpoint.gone = True
    book.server() >> OK
    book.client << OK
    assert book.server().closed
    book.host.sweep(0.0)
    assert not book.host.pools


def test_the_pool_is_bounded() -> None:
    book = Playbook()
    clients = [book.connect() for _ in range(IDLE_LIMIT + 5)]
    for client in clients:
        client >> GET
    for side in list(book.dials.sides):
        side >> OK
    assert len(book.endpoint.pool.idle) == IDLE_LIMIT
    assert sum(side.closed for side in book.dials.sides) == 5


def test_what_must_not_be_repeated_takes_no_connection_that_was_idle_for_long() -> None:
    book = Playbook()
    book.client >> GET
    book.server() >> OK
    (idle,) = book.endpoint.pool.idle
    idle.since -= 10
    book.client >> b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
    assert len(book.dials.sides) == 2
    book.server() >> OK
    book.client >> b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
    assert len(book.dials.sides) == 2


def test_a_head_that_comes_alone_is_confirmed_at_once() -> None:
    class Socket:
        family = socket.AF_INET
        options: ClassVar[list[tuple[int, int, int]]] = []

        def setsockopt(self, *option: int) -> None:
            self.options.append(option)  # type: ignore[arg-type]

    book = Playbook()
    book.client >> GET
    server = book.server()
    server.get_extra_info = lambda name, default=None: Socket() if name == "socket" else default  # type: ignore[method-assign]
    server >> OK
    assert not Socket.options
    book.client >> GET
    server >> OK[:-2]
    assert Socket.options == [(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)]
    server >> OK[-2:]
    book.client << OK * 2
    assert len(Socket.options) == 1


def test_a_dial_that_runs_out_of_time_just_as_it_is_made_is_one_loss() -> None:
    """The dialer tells of it, and many loops do, too."""
    book = Playbook()
    book.client >> b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
    lost = book.server().protocol.connection_lost
    lost(TimeoutError("connect-timeout"))
    lost(None)
    assert book.endpoint.pool.open == 0
    assert [(x.status, x.error) for x in book.exchanges] == [(504, "upstream-silent")]  # it may have been heard
