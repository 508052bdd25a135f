"""Random bytes for the protocol engines, for some seconds each: no crash, no hang, no byte lost or repeated.

What is random grows from real messages, cut, doubled and garbled; the seed is told with a failure. FUZZ_SECONDS
says how long each may take. A stream cut anywhere must give the same as in one piece.
"""

import os
import random
import time
from collections.abc import Callable, Iterator

import pytest

from agents.sidecar.engine.detect import PEEK, Kind, detect
from agents.sidecar.engine.http1 import RefusedError, Request, Requests, Response, Responses
from agents.sidecar.engine.http2 import wire
from agents.sidecar.engine.http2.connection import CLIENT, SERVER, Connection
from agents.sidecar.engine.http2.limits import APPLICATION
from tests.peers.corpus import ACCEPTED, ANSWERS, BROKEN, REFUSED
from tests.support.http2 import REQUEST, Ear, head

SECONDS = float(os.environ.get("FUZZ_SECONDS", "5"))
PIECES = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b":",
    b"0",
    b"5",
    b"chunked",
    b"Content-Length: 5\r\n",
    b"\r\n\r\n",
    b"\xff",
    b";",
]
TALKS = [case.data for case in ACCEPTED.values()] + [*REFUSED.values(), *BROKEN.values()]
SEEDS = [talk for talk in TALKS if len(talk) < 4000]
REPLIES = [reply for reply in ANSWERS.values() if len(reply) < 4000] + [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX:\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\n\r\n",
]


def seeds() -> Iterator[int]:
    """Yield numbers until the time is over; each round has to end soon."""
    number = int(os.environ.get("FUZZ_SEED", time.time_ns() % 1_000_000_000))
    end = time.monotonic() + SECONDS
    while (before := time.monotonic()) < end:
        yield number
        assert time.monotonic() - before < 5, f"FUZZ_SEED={number} took seconds"
        number += 1


def garble(dice: random.Random, data: bytes) -> bytes:
    """Change a few places."""
    for _ in range(dice.choice((0, 1, 1, 2, 5))):
        at = dice.randrange(len(data) + 1)
        how = dice.randrange(4)
        if how == 0:
            data = data[:at] + dice.choice(PIECES) + data[at:]
        elif how == 1:
            data = data[:at] + data[at + dice.randrange(1, 9) :]
        elif how == 2:
            data = data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :]
        else:
            data = data[:at] + data[max(0, at - dice.randrange(1, 40)) :]
    return data


def cut(dice: random.Random, data: bytes) -> Iterator[bytes]:
    """Yield the pieces of data, some very small."""
    while data:
        size = dice.choice((1, 1, 2, 5, 30, 1000))
        yield data[:size]
        data = data[size:]


class Server(Requests):
    """Keeps what it understood, answers at once."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[bytes] = []
        self.whole = 0  # how many of them are whole
        self.refused: tuple[int, str] | None = None

    def on_head(self, head: Request, data: bytes, last: bool) -> None:
        assert data[: head.size].endswith(b"\r\n\r\n")
        self.told.append(data)
        self._end(last)

    def on_body(self, data: bytes, last: bool) -> None:
        self.told[-1] += data
        self._end(last)

    def on_refused(self, error: RefusedError) -> None:
        assert self.refused is None, "refused twice"
        self.refused = error.status, error.reason

    def _end(self, last: bool) -> None:
        if last:
            self.whole += 1
            self.proceed()


class Client(Responses):
    """Keeps what it understood, and expects another response after each."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[bytes] = []
        self.refused: int | None = None
        self.expect(b"GET")

    def on_head(self, head: Response, data: bytes, last: bool) -> None:
        self.told.append(data)
        if last and head.status >= 200:
            self.expect(b"GET")

    def on_body(self, data: bytes, last: bool) -> None:
        self.told[-1] += data
        if last:
            self.expect(b"GET")

    def on_refused(self, error: RefusedError) -> None:
        assert self.refused is None, "refused twice"
        self.refused = error.status


def http1_requests(dice: random.Random) -> None:
    data = garble(dice, b"".join(dice.choices(SEEDS, k=dice.randrange(1, 4))))
    whole, pieces = Server(), Server()
    whole.receive(data)
    for piece in cut(dice, data):
        pieces.receive(piece)
    assert pieces.told[: pieces.whole] == whole.told[: whole.whole]
    assert (pieces.refused is None) == (whole.refused is None)
    if whole.refused is None:
        assert pieces.told == whole.told
    at = 0
    for message in whole.told:
        while data.startswith(b"\r\n", at):
            at += 2
        assert data.startswith(message, at), "a byte was lost or repeated"
        at += len(message)


def http1_responses(dice: random.Random) -> None:
    data = garble(dice, b"".join(dice.choices(REPLIES, k=dice.randrange(1, 4))))
    whole, pieces = Client(), Client()
    whole.receive(data)
    for piece in cut(dice, data):
        pieces.receive(piece)
    if whole.refused is None:
        assert b"".join(pieces.told) == b"".join(whole.told)
    assert (pieces.refused is None) == (whole.refused is None)


def detection(dice: random.Random) -> None:
    data = garble(
        dice, dice.choice((*SEEDS, wire.PREFACE, b"\x16\x03\x01\x00\x20\x01\x00\x00\x1c" + dice.randbytes(40)))
    )
    last = Kind.MORE
    for size in range(min(len(data), 300) + 1):
        found = detect(data[:size]).kind
        if last is not Kind.MORE:
            break  # settled: nobody asks again
        last = found
    if len(data) >= PEEK:
        assert detect(data[:PEEK]).kind is not Kind.MORE


def http2_frames(dice: random.Random) -> None:
    """Frames of every kind in any order, some of them garbled; a connection that has failed says nothing more."""
    encode = Connection(CLIENT, Ear(), APPLICATION).encoder.encode
    talk = [wire.PREFACE, wire.settings({})]
    for _ in range(dice.randrange(1, 12)):
        stream = dice.choice((0, 1, 1, 3, 5, 2, 7))
        how = dice.randrange(5)
        if how < 2:
            talk.append(wire.frame(wire.HEADERS, dice.choice((4, 5, 0, 0x2D)), stream, encode(REQUEST)))
        elif how == 2:
            talk.append(wire.frame(wire.DATA, dice.choice((0, 1, 8)), stream, dice.randbytes(dice.randrange(300))))
        else:
            kind, flags = dice.randrange(12), dice.choice((0, 1, 4, 5, dice.randrange(256)))
            talk.append(wire.frame(kind, flags, stream, dice.randbytes(dice.choice((0, 4, 5, 6, 8, 30)))))
    data = b"".join(talk)
    if dice.random() < 0.5:
        data = data[:33] + garble(dice, data[33:])
    whole = run_http2([data])
    pieces = run_http2(list(cut(dice, data)))
    assert bodies(pieces) == bodies(whole)
    assert [event[:2] for event in pieces.events if event[0] in ("stream", "failure")] == [
        event[:2] for event in whole.events if event[0] in ("stream", "failure")
    ]


def run_http2(pieces: list[bytes]) -> Ear:
    """Let a server hear pieces and answer every request."""
    ear = Ear()
    server = Connection(SERVER, ear, APPLICATION, lambda: 0.0)
    server.start()
    for piece in pieces:
        server.receive(piece)
    for stream in ear.streams:
        stream.send_headers(head((b":status", b"200")), False)
        stream.send_data(b"x" * 100, True)
    server.take_output()
    failures = [event for event in ear.events if event[0] == "failure"]
    assert len(failures) <= 1
    return ear


def bodies(ear: Ear) -> dict[int, bytes]:
    return {number: body for number, body in ear.bodies.items() if body}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("fuzz", [http1_requests, http1_responses, detection, http2_frames])
def test_engine(fuzz: Callable[[random.Random], None]) -> None:
    count = 0
    for number in seeds():
        try:
            fuzz(random.Random(number))
        except Exception as error:
            error.add_note(f"FUZZ_SEED={number}")
            raise
        count += 1
    assert count > 20
