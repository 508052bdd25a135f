"""Random bytes for the protocol engines, for some seconds each: no crash, no hang, no byte lost or repeated.

What is random grows from real messages, cut, doubled and garbled; the seed is told with a failure. FUZZ_SECONDS
says how long each may take. What must hold is in properties.
"""

import os
import random
import time
from collections.abc import Callable, Iterator

import pytest

from agents.sidecar.engine.http2 import wire
from agents.sidecar.engine.http2.connection import CLIENT, Connection
from agents.sidecar.engine.http2.fields import Fields
from agents.sidecar.engine.http2.limits import APPLICATION
from tests.fuzz import properties
from tests.fuzz.seeds import REPLIES, REPLY, TALKS
from tests.support.http2 import REQUEST, Ear

SECONDS = float(os.environ.get("FUZZ_SECONDS", "3"))
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


def rounds() -> Iterator[int]:
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


def requests(dice: random.Random) -> None:
    properties.requests(garble(dice, b"".join(dice.choices(TALKS, k=dice.randrange(1, 4)))))


def responses(dice: random.Random) -> None:
    properties.responses(garble(dice, b"".join(dice.choices(REPLIES, k=dice.randrange(1, 4)))))


def heads(dice: random.Random) -> None:
    properties.heads(garble(dice, dice.choice((*TALKS, *REPLIES))))


def detection(dice: random.Random) -> None:
    hello = b"\x16\x03\x01\x00\x20\x01\x00\x00\x1c" + dice.randbytes(40)
    properties.detection(garble(dice, dice.choice((*TALKS, wire.PREFACE, hello))))


def frames_to_server(dice: random.Random) -> None:
    properties.frames_to_server(frames(dice, REQUEST))


def frames_to_client(dice: random.Random) -> None:
    properties.frames_to_client(frames(dice, REPLY))


def frames(dice: random.Random, fields: Fields) -> bytes:
    """Frames of every kind in any order, some of them garbled."""
    encode = Connection(CLIENT, Ear(), APPLICATION).encoder.encode
    talk = []
    for _ in range(dice.randrange(1, 12)):
        stream = dice.choice((0, 1, 1, 3, 5, 2, 7))
        how = dice.randrange(5)
        if how < 2:
            talk.append(wire.frame(wire.HEADERS, dice.choice((4, 5, 0, 0x2D)), stream, encode(fields)))
        elif how == 2:
            talk.append(wire.frame(wire.DATA, dice.choice((0, 1, 8)), stream, dice.randbytes(dice.randrange(300))))
        else:
            kind, flags = dice.randrange(12), dice.choice((0, 1, 4, 5, dice.randrange(256)))
            talk.append(wire.frame(kind, flags, stream, dice.randbytes(dice.choice((0, 4, 5, 6, 8, 30)))))
    data = b"".join(talk)
    return garble(dice, data) if dice.random() < 0.5 else data


@pytest.mark.timeout(120)
@pytest.mark.parametrize("fuzz", [requests, responses, heads, detection, frames_to_server, frames_to_client])
def test_engine(fuzz: Callable[[random.Random], None]) -> None:
    count = 0
    for number in rounds():
        try:
            fuzz(random.Random(number))
        except Exception as error:  # with what makes it happen again
            error.add_note(f"FUZZ_SEED={number}")
            raise
        count += 1
    assert count > 20
