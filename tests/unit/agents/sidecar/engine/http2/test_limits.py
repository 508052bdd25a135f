"""Floods and bombs: each ends its connection with the right code, in bounded time, and none reaches a handler twice."""

from collections.abc import Callable

import pytest

from agents.sidecar.engine.http2 import wire
from agents.sidecar.engine.http2.connection import CLIENT, SERVER, Connection
from agents.sidecar.engine.http2.hpack import Encoder
from agents.sidecar.engine.http2.limits import ANSWERED, APPLICATION, UPDATES_KEPT, Budget, Limits
from agents.sidecar.engine.http2.stream import Stream
from tests.support.http2 import REQUEST, Ear, Pair, head

NOTHING = Limits(burst=ANSWERED, refill=0)  # is left to waste after the first SETTINGS


class Attacker:
    """A client that writes frames as it likes."""

    def __init__(self, limits: Limits = APPLICATION) -> None:
        self.now = 0.0
        self.ear = Ear()
        self.server = Connection(SERVER, self.ear, limits, lambda: self.now)
        self.server.start()
        self.encode = Encoder().encode
        self.server.receive(wire.PREFACE + wire.settings({}))

    def send(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        self.server.receive(wire.frame(kind, flags, stream, payload))

    def request(self, stream: int, end: bool = True) -> bytes:
        return wire.frame(wire.HEADERS, 5 if end else 4, stream, self.encode(REQUEST))

    @property
    def failure(self) -> int | None:
        return next((event[1] for event in self.ear.events if event[0] == "failure"), None)


def _rapid_reset(attacker: Attacker, turn: int) -> None:
    stream = 2 * turn + 1
    attacker.server.receive(attacker.request(stream) + wire.rst_stream(stream, wire.CANCEL))


def _cancel(attacker: Attacker, turn: int) -> None:
    attacker.server.receive(attacker.request(2 * turn + 1))
    attacker.server.receive(wire.rst_stream(2 * turn + 1, wire.CANCEL))


def _ping(attacker: Attacker, turn: int) -> None:
    attacker.send(wire.PING, 0, 0, b"\0" * 8)


def _settings(attacker: Attacker, turn: int) -> None:
    attacker.send(wire.SETTINGS, 0, 0, b"")


def _empty_data(attacker: Attacker, turn: int) -> None:
    if not turn:
        attacker.server.receive(attacker.request(1, end=False))
    attacker.send(wire.DATA, 0, 1, b"")


def _priority(attacker: Attacker, turn: int) -> None:
    attacker.send(wire.PRIORITY, 0, 1, b"\0\0\0\0\x10")


def _unknown(attacker: Attacker, turn: int) -> None:
    attacker.send(0x99, 0, 0, b"")


def _window_update(attacker: Attacker, turn: int) -> None:
    attacker.server.receive(wire.window_update(0, 1))


def _stream_window_update(attacker: Attacker, turn: int) -> None:
    if not turn:
        attacker.server.receive(attacker.request(1, end=False))
    attacker.server.receive(wire.window_update(1, 1))


def _ping_ack(attacker: Attacker, turn: int) -> None:
    attacker.send(wire.PING, wire.ACK, 0, b"\0" * 8)


def _settings_ack(attacker: Attacker, turn: int) -> None:
    attacker.send(wire.SETTINGS, wire.ACK, 0, b"")


def _cancelled(attacker: Attacker) -> None:
    attacker.server.receive(attacker.request(1, end=False))
    attacker.ear.streams[0].reset(wire.CANCEL)


def _late_data(attacker: Attacker, turn: int) -> None:
    if not turn:
        _cancelled(attacker)
    attacker.send(wire.DATA, 0, 1, b"")


def _late_heads(attacker: Attacker, turn: int) -> None:
    if not turn:
        _cancelled(attacker)
    attacker.server.receive(attacker.request(1))


def _continuation(attacker: Attacker, turn: int) -> None:
    attacker.send(wire.CONTINUATION if turn else wire.HEADERS, 0, 1, b"")


def _malformed(attacker: Attacker, turn: int) -> None:
    attacker.send(wire.HEADERS, 5, 2 * turn + 1, attacker.encode(head((b":method", b"GET"))))


@pytest.mark.parametrize(
    "flood",
    [
        _rapid_reset,
        _cancel,
        _ping,
        _settings,
        _empty_data,
        _priority,
        _unknown,
        _continuation,
        _malformed,
        _window_update,
        _stream_window_update,
        _ping_ack,
        _settings_ack,
        _late_data,
        _late_heads,
    ],
)
def test_floods_end_the_connection(flood: Callable[[Attacker, int], None]) -> None:
    attacker = Attacker()
    turns = 0
    while attacker.failure is None and turns < 10_000:
        flood(attacker, turns)
        turns += 1
    assert attacker.failure == wire.ENHANCE_YOUR_CALM
    assert turns < 5000
    assert not attacker.server.streams
    output = attacker.server.take_output()
    assert wire.goaway(attacker.server.last, wire.ENHANCE_YOUR_CALM)[9:17] in output
    attacker.server.receive(attacker.request(99_999))
    assert attacker.server.take_output() == b""


@pytest.mark.parametrize("flood", [_ping_ack, _settings_ack])
def test_acknowledgements_that_were_asked_for_cost_nothing(flood: Callable[[Attacker, int], None]) -> None:
    attacker = Attacker(NOTHING)
    attacker.server.ping()
    flood(attacker, 0)
    assert attacker.failure is None
    assert attacker.server.pongs == (flood is _ping_ack)
    flood(attacker, 1)
    assert attacker.failure == wire.ENHANCE_YOUR_CALM
    assert attacker.server.pongs == (flood is _ping_ack)


def test_windows_may_be_opened_as_often_as_there_is_something_to_open_them_for() -> None:
    """As Go does it: an update of the stream and of the connection for every 4 KiB of a frame of 16."""
    attacker = Attacker(NOTHING)
    attacker.server.receive(attacker.request(1))
    (stream,) = attacker.ear.streams
    stream.send_headers([(b":status", b"200", False)])
    for _ in range(3000):
        assert stream.send_data(bytes(16_384))
        attacker.server.take_output()
        attacker.server.receive((wire.window_update(0, 4096) + wire.window_update(1, 4096)) * 4)
    assert attacker.failure is None


def test_windows_that_were_not_opened_may_be_later_but_not_for_ever() -> None:
    attacker = Attacker(NOTHING)
    attacker.server.receive(attacker.request(1) + wire.window_update(0, 1 << 30) + wire.window_update(1, 1 << 30))
    (stream,) = attacker.ear.streams
    for _ in range(10_000):
        stream.send_data(b"a little")
        attacker.server.take_output()
    attacker.server.receive(wire.window_update(1, 1) * UPDATES_KEPT)
    assert attacker.failure is None
    attacker.server.receive(wire.window_update(1, 1))
    assert attacker.failure == wire.ENHANCE_YOUR_CALM


def test_what_comes_slowly_is_no_flood() -> None:
    attacker = Attacker()
    for turn in range(3_000):
        attacker.now += 0.01
        _ping(attacker, turn)
        attacker.server.out.clear()
    assert attacker.failure is None


def test_a_budget_fills_up_with_time_but_no_further() -> None:
    now = 0.0
    budget = Budget(Limits(burst=10, refill=1), lambda: now)
    assert budget.spend(10)
    assert not budget.spend(1)
    now = 100.0
    assert budget.spend(10)
    assert not budget.spend(1)


def test_too_many_streams_are_refused_one_by_one() -> None:
    pair = Pair(server=Limits(streams=3))
    streams = [pair.open(REQUEST) for _ in range(5)]
    pair.exchange()
    refused = [event[1] for event in pair.asked.events if event[:1] == ("reset",) and event[2] == wire.REFUSED_STREAM]
    assert refused == [stream.id for stream in streams[3:]]
    assert pair.served.events.count(("excess",)) == 2
    assert pair.client.peer_streams == 3
    assert not pair.client.room


def test_a_server_that_names_no_limit_on_streams_has_none() -> None:
    client = Connection(CLIENT, Ear(), APPLICATION)
    client.start()
    known = client.peer_streams
    assert 0 < known < 1000
    client.receive(wire.settings({}))
    assert client.peer_streams > 1_000_000
    client.receive(wire.settings({wire.MAX_CONCURRENT_STREAMS: 7}))
    client.receive(wire.settings({}))
    assert client.peer_streams == 7


def test_a_small_block_that_decodes_to_much_ends_the_connection() -> None:
    attacker = Attacker(Limits(header_block=20_000, header_list=10_000))
    bomb = attacker.encode(REQUEST) + b"\x40\x01x\x7f\xa1\x1e" + b"b" * 4000 + b"\xbe" * 10_000
    attacker.send(wire.HEADERS, 5, 1, bomb)
    assert attacker.failure == wire.ENHANCE_YOUR_CALM
    assert not attacker.ear.streams


def test_a_resized_table_is_told_only_where_a_block_begins() -> None:
    attacker = Attacker()
    attacker.send(wire.HEADERS, 5, 1, b"\x3f\x01" + attacker.encode(REQUEST))
    assert attacker.failure is None
    attacker.send(wire.HEADERS, 5, 3, b"\x82\x20")
    assert attacker.failure == wire.COMPRESSION_ERROR


def test_more_data_than_the_stream_may_have_resets_it() -> None:
    attacker = Attacker(Limits(stream_window=70_000))
    attacker.server.receive(attacker.request(1, end=False))
    for _ in range(5):
        attacker.send(wire.DATA, 0, 1, bytes(16_384))
    assert attacker.ear.events[-1] == ("reset", 1, wire.FLOW_CONTROL_ERROR)
    assert attacker.failure is None


def test_more_data_than_the_connection_may_have_ends_it() -> None:
    attacker = Attacker(Limits(stream_window=1 << 20, connection_window=70_000))
    attacker.server.receive(attacker.request(1, end=False))
    for _ in range(5):
        attacker.send(wire.DATA, 0, 1, bytes(16_384))
    assert attacker.failure == wire.FLOW_CONTROL_ERROR


def test_a_window_that_opens_by_one_byte_costs_no_copies() -> None:
    pair = Pair(client=Limits(stream_window=1))
    pair.open(REQUEST, True)
    pair.exchange()
    (served,) = pair.served.streams
    served.send_headers([(b":status", b"200", False)])
    served.send_data(b"y" * 200_000, True)
    for _ in range(2000):
        pair.server.take_output()
        pair.server.receive(wire.window_update(1, 1))
    assert served.queued == 200_000 - 2001
    assert isinstance(served.queue.parts[0], memoryview)  # type: ignore[union-attr]


def test_streams_that_wait_for_windows_of_their_own_are_not_looked_at_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[int] = []
    send_queued = Stream.send_queued
    monkeypatch.setattr(Stream, "send_queued", lambda stream: looked.append(stream.id) or send_queued(stream))
    attacker = Attacker()
    attacker.server.receive(wire.settings({wire.INITIAL_WINDOW_SIZE: 0}))
    for turn in range(500):
        attacker.server.receive(attacker.request(2 * turn + 1))
        attacker.ear.streams[turn].send_data(b"never asked for", True)
    assert len(looked) == 500
    looked.clear()
    attacker.server.receive(wire.window_update(401, 5) + wire.window_update(0, 1) + wire.window_update(7, 15))
    assert set(looked) == {401, 7}
    assert [stream.queued for stream in attacker.ear.streams[:4]] == [15, 15, 15, 0]


def test_streams_that_are_reset_while_the_connections_window_is_shut_leave_nothing() -> None:
    attacker = Attacker()
    attacker.server.receive(attacker.request(1))
    attacker.ear.streams[0].send_data(bytes(wire.DEFAULT_WINDOW), True)  # all of it
    for turn in range(1, 200):
        attacker.now += 1.0
        attacker.server.receive(attacker.request(2 * turn + 1))
        attacker.ear.streams[turn].send_data(b"waits")
        assert attacker.ear.streams[turn].queued
        attacker.server.receive(wire.rst_stream(2 * turn + 1, wire.CANCEL))
    assert attacker.failure is None
    assert not attacker.server.ready
    assert attacker.server.meter.waiting == 0


def test_the_last_of_many_initial_windows_in_one_frame_is_the_one_that_counts() -> None:
    attacker = Attacker()
    attacker.server.receive(wire.settings({wire.INITIAL_WINDOW_SIZE: 0}) + attacker.request(1) + attacker.request(3))
    waiting, shut = attacker.ear.streams
    waiting.send_data(b"ten bytes.", True)
    values = b"".join(wire.INITIAL_WINDOW_SIZE.to_bytes(2) + size.to_bytes(4) for size in (9, 70_000, 4))
    attacker.send(wire.SETTINGS, 0, 0, values)
    assert (waiting.queued, waiting.window, shut.window) == (6, 0, 4)


def test_the_end_of_a_stream_waits_for_no_window() -> None:
    attacker = Attacker()
    attacker.server.receive(attacker.request(1))
    (stream,) = attacker.ear.streams
    stream.send_data(b"x" * 100)
    attacker.server.receive(wire.settings({wire.INITIAL_WINDOW_SIZE: 10}))
    assert stream.window < 0
    assert stream.send_data(b"", True)
    assert attacker.server.take_output().endswith(wire.frame(wire.DATA, 1, 1, b""))
    assert not attacker.server.streams


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (wire.frame(wire.DATA, 0, 0, b"x"), wire.PROTOCOL_ERROR),
        (wire.frame(wire.DATA, 0, 7, b"x"), wire.PROTOCOL_ERROR),
        (wire.frame(wire.HEADERS, 4, 0, b"\x82"), wire.PROTOCOL_ERROR),
        (wire.frame(wire.HEADERS, 4, 2, b"\x82"), wire.PROTOCOL_ERROR),
        (wire.frame(wire.HEADERS, 4, 1, b"\x80"), wire.COMPRESSION_ERROR),
        (wire.frame(wire.HEADERS, 0xC, 1, b"\xff\x82"), wire.PROTOCOL_ERROR),
        (wire.frame(wire.RST_STREAM, 0, 1, b"\0\0\0\0"), wire.PROTOCOL_ERROR),
        (wire.frame(wire.RST_STREAM, 0, 1, b"\0"), wire.FRAME_SIZE_ERROR),
        (wire.frame(wire.SETTINGS, 0, 1, b""), wire.PROTOCOL_ERROR),
        (wire.frame(wire.SETTINGS, 0, 0, b"12345"), wire.FRAME_SIZE_ERROR),
        (wire.settings({wire.ENABLE_PUSH: 2}), wire.PROTOCOL_ERROR),
        (wire.settings({wire.INITIAL_WINDOW_SIZE: 1 << 31}), wire.FLOW_CONTROL_ERROR),
        (wire.settings({wire.MAX_FRAME_SIZE: 1}), wire.PROTOCOL_ERROR),
        (wire.frame(wire.PING, 0, 0, b"1"), wire.FRAME_SIZE_ERROR),
        (wire.frame(wire.PUSH_PROMISE, 4, 1, b"\0\0\0\x02\x82"), wire.PROTOCOL_ERROR),
        (wire.frame(wire.GOAWAY, 0, 0, b"1"), wire.FRAME_SIZE_ERROR),
        (wire.window_update(0, 0), wire.PROTOCOL_ERROR),
        (wire.window_update(0, (1 << 31) - 1), wire.FLOW_CONTROL_ERROR),
        (wire.frame(wire.CONTINUATION, 4, 1, b""), wire.PROTOCOL_ERROR),
        (wire.pack((1 << 14) + 1 << 8, 0, 1), wire.FRAME_SIZE_ERROR),
    ],
)
def test_what_breaks_the_connection(frame: bytes, code: int) -> None:
    attacker = Attacker()
    attacker.server.receive(frame)
    assert attacker.failure == code


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n\r\n", wire.PREFACE + wire.frame(wire.PING, 0, 0, bytes(8))])
def test_a_wrong_beginning_is_the_end(first: bytes) -> None:
    ear = Ear()
    server = Connection(SERVER, ear, APPLICATION)
    server.start()
    server.receive(first)
    assert ear.events[-1][:2] == ("failure", wire.PROTOCOL_ERROR)
