"""What fuzzing begins with: the corpus of the peers tier, frames of every kind, and what fuzzing has found before.

A file in corpus/NAME is an input that once failed, or that reaches what nothing else here does.
"""

from pathlib import Path

from agents.sidecar.engine.detect import MESH_ALPN
from agents.sidecar.engine.http2 import wire
from agents.sidecar.engine.http2.connection import CLIENT, Connection
from agents.sidecar.engine.http2.fields import Fields
from agents.sidecar.engine.http2.limits import APPLICATION
from tests.peers.corpus import ACCEPTED, ANSWERS, BROKEN, REFUSED
from tests.support.http2 import REQUEST, Ear, head

FOUND = Path(__file__).parent / "corpus"
_LIMIT = 4000  # bytes of a seed: what is longer is slow and says no more

REPLY = head((b":status", b"200"), (b"content-type", b"application/grpc"))
TALKS = [
    talk
    for talk in (case.data for cases in (ACCEPTED, REFUSED, BROKEN) for case in cases.values())
    if len(talk) < _LIMIT
]
REPLIES = [reply for reply in ANSWERS.values() if len(reply) < _LIMIT] + [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX:\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\nall the rest",
]


def _client_hello() -> bytes:
    name, alpn = b"own.example", MESH_ALPN
    names = (len(name) + 3).to_bytes(2, "big") + b"\0" + len(name).to_bytes(2, "big") + name
    protocols = (len(alpn) + 1).to_bytes(2, "big") + bytes([len(alpn)]) + alpn
    extensions = b"".join(
        kind.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value for kind, value in ((0, names), (16, protocols))
    )
    body = (
        b"\x03\x03"
        + bytes(32)
        + b"\0"
        + b"\0\x02\x13\x01"
        + b"\x01\0"
        + len(extensions).to_bytes(2, "big")
        + extensions
    )
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message


def _frames(fields: Fields, parity: int) -> list[bytes]:
    encode = Connection(CLIENT, Ear(), APPLICATION).encoder.encode
    block = encode(fields)
    frame = wire.frame
    trailers = encode(head((b"grpc-status", b"0")))
    cancel = frame(wire.RST_STREAM, 0, 1, b"\0\0\0\x08")
    opened = frame(wire.HEADERS, 4, 1, block)
    return [
        opened + frame(wire.DATA, 0, 1, b"hello") + frame(wire.DATA, 1, 1, b""),
        opened + frame(wire.DATA, 8, 1, b"\x02hello\0\0") + frame(wire.HEADERS, 5, 1, trailers),
        frame(wire.HEADERS, 0, 1, block[:3]) + frame(wire.CONTINUATION, 4, 1, block[3:]) + cancel,
        opened + frame(wire.HEADERS, 0x2D, 3, b"\x01\0\0\0\0\x10" + block + b"\0"),
        wire.settings({wire.INITIAL_WINDOW_SIZE: 10, wire.MAX_FRAME_SIZE: 20_000}) + frame(wire.SETTINGS, 1, 0, b""),
        opened + wire.window_update(1, 7) + wire.window_update(0, 7) + wire.settings({wire.INITIAL_WINDOW_SIZE: 0}),
        frame(wire.PING, 0, 0, b"12345678") + frame(wire.PING, 1, 0, b"12345678") + wire.goaway(parity, 0),
        opened + wire.goaway(1, 2, "why") + frame(wire.PRIORITY, 0, 1, b"\0\0\0\0\x10"),
        frame(wire.HELLO, 0, 0, b"\n\x01a") + opened + cancel,
        frame(wire.PUSH_PROMISE, 4, 1, b"\0\0\0\x02" + block),
    ]  # fmt: skip


def seeds(name: str) -> list[bytes]:
    """Return the inputs that the search for a property's exceptions begins with."""
    return {
        "requests": TALKS,
        "responses": REPLIES,
        "heads": [talk[: talk.find(b"\r\n\r\n") + 2] for talk in (*TALKS, *REPLIES)],
        "detection": [*TALKS, wire.PREFACE, _client_hello()],
        "frames_to_server": _frames(REQUEST, 0),
        "frames_to_client": _frames(REPLY, 1),
    }[name] + [file.read_bytes() for file in sorted((FOUND / name).glob("*"))]
