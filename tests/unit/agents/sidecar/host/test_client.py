"""Client connections, whatever happens in whatever order: everything that begins ends, once, and is counted."""

from collections.abc import Callable
from random import Random

import pytest

from tests.support.playbook import Playbook, Side, endpoints
from tests.support.smuggling import CHUNKED_HEAD, CHUNKS, HEADS

REQUESTS = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody",
    b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody",
    CHUNKED_HEAD + b"3\r\nabc\r\n0\r\n\r\n",
    CHUNKED_HEAD + b"3\r\nabc\r\n0\r\nX: y\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
    *list(HEADS.values())[::9],
    *(CHUNKED_HEAD + chunk for chunk in list(CHUNKS.values())[::3]),
]
RESPONSES = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\nall",
    b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nframe",
    b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 500 Oh\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n",
    b"garbage\r\n\r\n",
]


class Chaos:
    """A connection, and a random order of what its two ends and the clock may do."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.target = endpoints("10.0.0.1:80", "10.0.0.2:80") if self.random.random() < 0.4 else None
        self.book = Playbook(self.target)
        self.book.dials.manual = self.random.random() < 0.3

    def run(self) -> None:
        moves: list[tuple[Callable[[], None], int]] = [
            (self.ask, 45),
            (self.answer, 35),
            (self.end_server, 4),
            (self.end_client, 4),
            (self.wait, 4),
            (self.drain, 2),
            (self.press, 6),
        ]
        for _ in range(self.random.randint(1, 25)):
            (move,) = self.random.choices([move for move, _ in moves], [weight for _, weight in moves])
            move()
        self.finish()

    def say(self, side: Side, data: bytes) -> None:
        if self.random.random() < 0.04:
            at = self.random.randrange(len(data))
            data = data[:at] + bytes([self.random.randrange(256)]) + data[at + 1 :]
        size = self.random.choice([1, 5, 1000])
        for at in range(0, len(data), size):
            if side.closed or side.paused:
                return
            side >> data[at : at + size]

    def ask(self) -> None:
        some = REQUESTS[:10] if self.random.random() < 0.9 else REQUESTS
        self.say(self.book.client, self.random.choice(some))

    def live(self) -> Side | None:
        live = [side for side in self.book.dials.sides if not side.closed]
        return self.random.choice(live) if live else None

    def answer(self) -> None:
        side = self.live()
        if side is None:
            return
        if side.protocol.transport is None:
            side.protocol.connection_made(side)
        else:
            self.say(side, self.random.choice(RESPONSES))

    def end_server(self) -> None:
        side = self.live()
        if side is None:
            return
        if side.protocol.transport is None:
            side.lose(ConnectionRefusedError())
        elif self.random.random() < 0.5:
            side.hang_up()
        else:
            side.lose(ConnectionResetError())

    def end_client(self) -> None:
        if not self.book.client.closed:
            self.book.client.hang_up(None if self.random.random() < 0.5 else ConnectionResetError())

    def wait(self) -> None:
        self.book.clock.advance(self.random.choice([0.1, 5]))
        self.book.host.sweep(self.random.choice([0.0, 1e12]))

    def drain(self) -> None:
        if not self.book.client.closed:
            self.book.client.protocol.drain()

    def press(self) -> None:
        side = self.live() if self.random.random() < 0.5 else self.book.client
        if side is not None and not side.closed and side.protocol.transport is not None:
            side.protocol.pause_writing()
            side.protocol.resume_writing()

    def finish(self) -> None:
        if not self.book.client.closed:
            self.book.client.lose()
        for side in self.book.dials.sides:
            if not side.closed and side.protocol.transport is None:
                side.protocol.connection_made(side)
            if not side.closed:
                side.lose()
        self.book.clock.advance(60)


@pytest.mark.parametrize("start", range(0, 2000, 250))
def test_everything_that_begins_ends(start: int) -> None:
    for seed in range(start, start + 250):
        chaos = Chaos(seed)
        chaos.run()
        book = chaos.book
        assert book.runtime.counters.inflight == 0, seed
        assert not book.host.open, seed
        counted = sum(cell.count for edge in book.runtime.counters.all() for cell in edge.cells.values())
        assert counted == len(book.exchanges), seed
        numbers = [x.stream for x in book.exchanges]
        assert numbers == list(range(1, len(numbers) + 1)), seed
        if chaos.target is not None:
            assert [endpoint.inflight for endpoint in chaos.target.endpoints] == [0, 0], seed
