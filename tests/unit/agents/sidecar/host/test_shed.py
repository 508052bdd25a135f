"""Who stands still is cut off when there is too much of it, and nobody else."""

from collections.abc import Iterator
from typing import Any

import pytest

from agents.sidecar.engine.http2.limits import Limits
from agents.sidecar.host.h2 import UNREAD_LIMIT
from agents.sidecar.host.shed import Mark, Shed
from agents.sidecar.state.bounds import BYTES, Bounds
from tests.support.h2book import Book
from tests.support.http2 import REQUEST, head
from tests.support.playbook import Playbook, Side, endpoints


class Reader:
    """A connection with one request, which takes so much between two sweeps."""

    def __init__(self, taking: int) -> None:
        self.taking = taking
        self.taken = 0
        self.why = ""

    def standing(self) -> Iterator[tuple[Any, Mark]]:
        self.taken += self.taking
        yield self, (self.taken,)

    def cut(self, why: str) -> None:
        self.why = why


def test_only_who_takes_nothing_is_cut_off_and_only_over_the_limit() -> None:
    bounds = Bounds(waited=100)
    shed = Shed(bounds)
    still, slow = Reader(0), Reader(1)
    bounds.waiting = 100
    for _ in range(3):
        shed.look([still, slow])
    assert (still.why, slow.why) == ("", "")
    bounds.waiting = 101
    shed.look([still, slow])
    assert still.why == ""  # nothing is known of it yet
    shed.look([still, slow])
    assert (still.why, slow.why, bounds.refused[BYTES]) == (BYTES, "", 1)


def test_what_was_seen_is_forgotten_once_there_is_room() -> None:
    bounds = Bounds(waited=100)
    shed = Shed(bounds)
    reader = Reader(0)
    for waiting in (101, 50, 101):
        bounds.waiting = waiting
        shed.look([reader])
    assert reader.why == ""


class Full(Side):
    """A transport that takes nothing."""

    def get_write_buffer_size(self) -> int:
        return len(self.received)


GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize("whole", [False, True])
def test_http1(whole: bool) -> None:
    book = Playbook()
    client = Full(book.client.protocol)
    client.protocol.connection_made(client)
    client >> GET
    server = Full(book.server().protocol)
    server.protocol.transport = server
    server >> b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" + bytes(9 if whole else 4)
    book.runtime.bounds.waiting, book.runtime.bounds.waited = 1, 0
    for _ in range(2):
        book.host.sweep(0.0)
    assert client.closed
    assert [x.error for x in book.exchanges] == ["" if whole else BYTES]
    assert book.runtime.counters.inflight == 0


@pytest.mark.parametrize("whole", [False, True])
def test_http2(whole: bool) -> None:
    book = Book(endpoints("10.0.0.1:80"), client=Limits(stream_window=50_000))
    stream = book.ask(REQUEST)
    served = book.ears[0].streams[0]
    served.send_headers(head((b":status", b"200")))
    served.send_data(bytes(200_000), whole)
    book.run()
    bounds = book.runtime.bounds
    assert bounds.waiting == 200_000 - stream.read_bytes > 0
    bounds.waited = 0
    book.host.sweep(0.0)
    stream.consumed(40_000)  # it has taken something
    book.run()
    book.host.sweep(0.0)
    assert stream.id in book.served.h2.streams
    book.host.sweep(0.0)
    book.run()
    assert book.heard("reset")
    assert bounds.waiting == 0
    assert [x.error for x in book.exchanges] == ["" if whole else BYTES]


@pytest.mark.parametrize("end", ["reads", "leaves", "stands"])
def test_who_asks_and_never_reads_is_heard_no_further(end: str) -> None:
    """Heads are bounded by no window."""
    book = Book(endpoints("10.0.0.1:80"))
    side = Full(book.served)
    side.get_extra_info = lambda name, default=None: side  # type: ignore[method-assign]
    book.served.transport, book.served._write = side, side.write
    book.served.pause_writing()
    for n in range(300):
        book.ask(REQUEST)
        book.ears[0].streams[-1].send_headers(head((b":status", b"204"), (b"x", b"%06d" % n + b"y" * 900)), True)
        book.run()
        if side.paused:
            break
    bounds = book.runtime.bounds
    assert side.paused
    assert UNREAD_LIMIT < len(side.received) == bounds.waiting < UNREAD_LIMIT + 2000
    if end == "reads":
        side.received = b""
        book.served.resume_writing()
        assert not side.paused
    elif end == "leaves":
        side.lose()
    else:
        bounds.waited = 0
        for _ in range(2):
            book.host.sweep(0.0)
        book.run()
        assert side.aborted
    assert bounds.waiting == 0
