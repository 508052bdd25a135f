"""Heads of a connection: known again by their block while that means the same, and never for what they are not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.sidecar.engine.http2 import wire
from agents.sidecar.engine.http2.connection import CLIENT, SERVER, Connection
from agents.sidecar.engine.http2.fields import Fields, MalformedError
from agents.sidecar.engine.http2.heads import REQUEST as A_REQUEST
from agents.sidecar.engine.http2.heads import Heads
from agents.sidecar.engine.http2.hpack import Decoder, Encoder, HpackError
from agents.sidecar.engine.http2.limits import APPLICATION
from agents.sidecar.engine.http2.stream import Stream
from agents.sidecar.engine.http2.wire import ConnectionFault
from tests.support.http2 import REQUEST, Ear


class Listening(Ear):
    """Remembers what it is told of requests."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[object] = []

    def on_stream(self, stream: Stream, headers: Fields, fields: object, end: bool) -> None:
        super().on_stream(stream, headers, {}, end)
        self.told.append(fields)


def _settled(encoder: Encoder, heads: Heads, fields: Fields) -> bytes:
    """Say a request until it is all indexes."""
    for _ in range(3):
        block = encoder.encode(fields)
        heads.request(block)
    return block


def test_a_block_of_indexes_is_known_when_it_comes_again() -> None:
    encoder, heads = Encoder(), Heads(APPLICATION)
    block = _settled(encoder, heads, REQUEST)
    head_ = heads.known[block]
    assert head_[0] == tuple(REQUEST)
    assert (head_[1][b":path"], head_[2], head_[3]) == (b"/s/m", A_REQUEST, -1)
    assert encoder.encode(REQUEST) == block


def test_what_is_made_of_a_request_is_made_once_for_all_that_come_alike() -> None:
    asked: list[dict[bytes, bytes]] = []
    encoder, server = Encoder(), Connection(SERVER, ear := Listening(), APPLICATION)
    server.receive(wire.PREFACE + wire.settings({}))
    server.heads.digest = lambda fields: asked.append(fields) or fields[b":path"]
    for number in (1, 3, 5, 7, 9):
        block = encoder.encode(REQUEST)
        server.receive(wire.frame(wire.HEADERS, 5, number, block))
    assert ear.told == [b"/s/m"] * 5
    assert len(asked) == 3  # until all of it is in the table
    other = encoder.encode([*REQUEST[:2], (b":path", b"/other", False), *REQUEST[3:]])
    server.receive(wire.frame(wire.HEADERS, 5, 11, other))
    assert ear.told[-1] == b"/other"


def test_a_block_is_forgotten_when_the_table_changes() -> None:
    encoder, heads = Encoder(), Heads(APPLICATION)
    block = _settled(encoder, heads, REQUEST)
    other = [*REQUEST[:2], (b":path", b"/other", False), *REQUEST[3:]]
    changed = _settled(encoder, heads, other)
    assert list(heads.known) == [changed]
    with pytest.raises(MalformedError):
        heads.request(block)  # the same bytes name other fields now
    assert heads.request(encoder.encode(REQUEST))[1][b":path"] == b"/s/m"


_GET = b"\x82\x86\x84\x01\x03a.b"  # GET http / of a.b, whose name is in no table


def test_a_block_with_a_string_is_known_when_it_has_come_twice() -> None:
    heads = Heads(APPLICATION)
    first = heads.request(_GET)
    assert not heads.known
    assert heads.request(_GET)[:2] == (tuple(first[0]), first[1])
    assert heads.known[_GET][1][b":authority"] == b"a.b"
    heads.request(_GET + b"\x40\x01x\x01y")  # goes into the table
    assert not heads.known


@pytest.mark.parametrize(
    "block",
    [
        b"\x0f\x28\x01a",  # set-cookie
        b"\x10\x01x\x01y",  # never to be indexed
        b"\x00\x01x\x7f\xac\x01" + 299 * b"y",  # long
        b"\x40\x01x\x01y",  # goes into the table each time
        b"\x20\x00\x01x\x01y",  # changes the table's size
    ],
)
def test_a_block_with_a_secret_or_a_use_of_the_table_is_not_kept(block: bytes) -> None:
    heads = Heads(APPLICATION)
    for _ in range(3):
        assert heads.trailers(block, False)[0]
    assert not heads.known


def test_what_is_kept_is_bounded() -> None:
    heads = Heads(APPLICATION)
    blocks = [bytes((0x80 | status, 0x80 | index)) for status in (8, 9, 13) for index in range(38, 55)]
    for block in blocks:  # :status, and a field
        heads.reply(block)
    assert blocks[-1] in heads.known
    assert len(heads.known) <= 32 < len(blocks)


def test_what_may_come_again_is_bounded() -> None:
    heads = Heads(APPLICATION)
    blocks = [b"\x82\x86\x84\x01\x02%d" % number for number in range(10, 90)]  # GET http / of 10 to 89
    for block in blocks + blocks:
        heads.request(block)
    assert not heads.known  # each was forgotten before it came again
    for block in blocks:
        heads.request(block)
        heads.request(block)
    assert blocks[-1] in heads.known
    assert len(heads.known) <= 32


def test_malformed_heads_are_not_kept() -> None:
    heads = Heads(APPLICATION)
    block = bytes((0x80 | 8, 0x80 | 57))  # :status, and transfer-encoding
    for _ in range(2):
        with pytest.raises(MalformedError):
            heads.reply(block)
    assert not heads.known


def test_a_block_that_cannot_be_decoded_ends_the_connection() -> None:
    with pytest.raises(ConnectionFault, match="beyond the table"):
        Heads(APPLICATION).request(b"\xfe")


def _frame(number: int, block: bytes, end: bool) -> bytes:
    return wire.frame(wire.HEADERS, wire.END_HEADERS | (wire.END_STREAM if end else 0), number, block)


def test_a_known_request_is_no_closing_fields() -> None:
    ear = Ear()
    connection = Connection(SERVER, ear, APPLICATION)
    asking = Connection(CLIENT, Ear(), APPLICATION)
    asking.start()
    connection.receive(asking.take_output())
    block = bytes((0x83, 0x84, 0x86))  # POST, /, http
    connection.receive(_frame(1, block, False))
    connection.receive(_frame(3, block, False))
    assert [event[:2] for event in ear.events] == [("stream", 1), ("stream", 3)]
    connection.receive(_frame(3, block, True))
    assert ear.events[-1] == ("reset", 3, wire.PROTOCOL_ERROR)
    assert 1 in connection.streams


def test_known_replies_and_closing_fields_are_not_taken_for_each_other() -> None:
    ear = Ear()
    connection = Connection(CLIENT, ear, APPLICATION)
    connection.start()
    connection.receive(wire.settings({}))
    reply, closing = b"\x88", bytes((0x80 | 59,))  # :status 200; vary
    for _ in range(4):
        connection.open(REQUEST, True, ear)
    connection.receive(_frame(1, reply, False) + _frame(1, closing, True))
    assert [event[:2] for event in ear.events] == [("headers", 1), ("trailers", 1)]
    assert set(connection.heads.known) == {reply, closing}
    connection.receive(_frame(3, closing, False))
    assert ear.events[-1] == ("reset", 3, wire.PROTOCOL_ERROR)
    connection.receive(_frame(5, reply, False) + _frame(5, reply, True))
    assert ear.events[-1] == ("reset", 5, wire.PROTOCOL_ERROR)
    connection.receive(_frame(7, reply, True))
    assert ear.events[-1] == ("headers", 7, [(b":status", b"200")], True)


_FIELDS = st.sampled_from(
    [(name, value) for name in (b"a", b"etag", b"cookie", b"content-language") for value in (b"", b"1", b"two")]
)
# A literal that leaves the table alone, one that goes into it, one that is never to be indexed; an index.
_WRITTEN = st.tuples(_FIELDS, st.sampled_from((0x00, 0x40, 0x10)))


@given(st.lists(st.lists(_WRITTEN, max_size=3) | st.just([]), min_size=1, max_size=6), st.lists(st.integers(0, 5)))
def test_a_known_block_means_what_decoding_it_would(heads_: list[list[Any]], order: list[int]) -> None:
    blocks = [
        b"".join(b"%c%c%b%c%b" % (kind, len(name), name, len(value), value) for (name, value), kind in head)
        + bytes((0xBE,) if number % 2 else ())  # the newest entry of the table
        for number, head in enumerate(heads_)
    ]
    heads, reference = Heads(APPLICATION), Decoder(1 << 20)
    for number in order * 3:
        block = blocks[number % len(blocks)]
        known = heads.known.get(block)
        try:
            meant = reference.decode(block)
        except HpackError:
            assert known is None
            return
        assert list(known[0] if known else heads.trailers(block, False)[0]) == meant
