"""Byte streams: what asyncio promises of a transport, over a pair of engines."""

import asyncio
from typing import Any

import pytest

from agents.sidecar.engine.hop import ACCEPTED, TCP, connect
from agents.sidecar.engine.http2 import wire
from agents.sidecar.engine.http2.limits import HOP, Limits
from agents.sidecar.engine.http2.stream import Stream
from agents.sidecar.host.hopstream import ATTEMPTS, HIGH_MARK, LINGER_S, REPLAY_LIMIT, ByteStream
from tests.support.http2 import Pair
from tests.support.playbook import Clock


class User(asyncio.Protocol):
    """Writes down what it is told."""

    def __init__(self, keep_open: bool = True) -> None:
        self.told: list[Any] = []
        self.data = b""
        self.keep_open = keep_open

    def data_received(self, data: bytes) -> None:
        self.data += data

    def eof_received(self) -> bool:
        self.told.append("eof")
        return self.keep_open

    def connection_lost(self, error: BaseException | None) -> None:
        self.told.append(("lost", error and str(error)))

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")


class Ends:
    """A byte stream and both of its users."""

    def __init__(self, near_open: bool = True, far_open: bool = True, window: int = 100_000) -> None:
        self.clock = Clock()
        self.pair = Pair(server=Limits(connect=True, stream_window=window, connection_window=1 << 22), client=HOP)
        self.pair.exchange()
        self.near_user, self.far_user = User(near_open), User(far_open)
        self.near = ByteStream(self.clock, self.near_user, "far:1")  # type: ignore[arg-type]
        self.near.stream = self.pair.client.open(connect(TCP, b"far:1"), False, self.near)
        self.pair.exchange()
        self.far = ByteStream(self.clock, self.far_user, "near:2")  # type: ignore[arg-type]
        (stream,) = self.pair.served.streams
        self.far.stream = stream
        stream.sink = self.far
        stream.send_headers(ACCEPTED)
        self.run()

    def run(self, seconds: float = 0.0) -> None:
        for _ in range(5):
            self.pair.exchange()
            self.clock.advance(0.0)
        if seconds:
            self.clock.advance(seconds)
            self.run()


def test_bytes_both_ways_then_half_close_then_the_end() -> None:
    ends = Ends()
    ends.near.write(b"ping")
    ends.far.write(b"pong")
    ends.near.write_eof()
    ends.run()
    assert (ends.far_user.data, ends.far_user.told) == (b"ping", ["eof"])
    ends.far.write(b", and more")
    ends.far.close()
    ends.run()
    assert (ends.near_user.data, ends.near_user.told) == (b"pong, and more", ["eof"])
    ends.near.close()
    ends.run()
    assert ends.near_user.told == ["eof", ("lost", None)]
    assert ends.far_user.told == ["eof", ("lost", None)]
    assert not ends.pair.client.streams
    assert not ends.pair.server.streams


def test_an_end_that_keeps_nothing_open_closes_by_itself() -> None:
    ends = Ends(far_open=False)
    ends.near.write(b"bye")
    ends.near.write_eof()
    ends.run()
    assert ends.far_user.told == ["eof", ("lost", None)]
    assert ends.near_user.told == ["eof"]


def test_an_abort_is_a_reset_at_the_far_end() -> None:
    ends = Ends()
    ends.near.abort()
    ends.near.abort()
    ends.run()
    assert ends.near_user.told == [("lost", None)]
    assert ends.far_user.told == [("lost", "upstream-reset")]
    ends.far.write(b"late")
    ends.far.close()


def test_a_lost_hop_is_a_lost_connection() -> None:
    ends = Ends()
    ends.pair.client.lost()
    assert ends.near_user.told == [("lost", "upstream-reset")]


def test_a_writer_is_paused_while_the_reader_reads_nothing() -> None:
    ends = Ends()
    ends.far.pause_reading()
    ends.near.write(bytes(100_000))
    ends.run()
    assert ends.near_user.told == []
    ends.near.write(b"x" * (HIGH_MARK + 1))
    ends.run()
    assert ends.near_user.told == ["pause"]
    assert ends.far_user.data == b""
    assert ends.near.get_write_buffer_size() == HIGH_MARK + 1
    ends.far.resume_reading()
    ends.run()
    assert ends.near_user.told == ["pause", "resume"]
    assert len(ends.far_user.data) == 100_000 + HIGH_MARK + 1


def test_an_end_that_came_while_paused_is_told_afterwards() -> None:
    ends = Ends()
    ends.far.pause_reading()
    ends.near.write(b"last words")
    ends.near.write_eof()
    ends.run()
    assert (ends.far_user.data, ends.far_user.told) == (b"", [])
    ends.far.resume_reading()
    ends.run()
    assert (ends.far_user.data, ends.far_user.told) == (b"last words", ["eof"])


def test_what_comes_after_a_pause_does_not_overtake_what_came_in_it() -> None:
    ends = Ends()
    ends.far.pause_reading()
    ends.near.write(b"first, ")
    ends.pair.exchange()
    ends.far.resume_reading()
    ends.near.write(b"second")
    ends.near.write_eof()
    ends.pair.exchange()  # before the loop has turned
    ends.run()
    assert (ends.far_user.data, ends.far_user.told) == (b"first, second", ["eof"])


def test_the_end_is_told_once_however_often_reading_pauses() -> None:
    ends = Ends()
    ends.near.write(b"all")
    ends.near.write_eof()
    ends.run()
    ends.far.pause_reading()
    ends.far.resume_reading()
    ends.run()
    assert ends.far_user.told == ["eof"]
    ends.far.write(b"answer")  # its own half is still open
    ends.run()
    assert ends.near_user.data == b"answer"


def test_a_slow_reader_gets_all_of_what_was_said_before_the_end() -> None:
    ends = Ends()
    ends.far.pause_reading()
    ends.near.write(b"last words")
    ends.near.close()
    ends.run(LINGER_S + 1)  # the stream is gone, its bytes are not
    assert not ends.pair.client.streams
    assert ends.far_user.told == []
    ends.far.resume_reading()
    ends.run()
    assert ends.far_user.data == b"last words"
    assert ends.far_user.told == ["eof", ("lost", None)]


def test_a_reader_that_is_slow_but_reads_is_waited_for() -> None:
    ends = Ends(window=10)
    ends.far.pause_reading()
    ends.near.write(b"0123456789abcdefghijklmnopqrstuvwxyz")
    ends.near.close()
    ends.run()
    ends.far.resume_reading()
    ends.pair.exchange()
    ends.clock.advance(0.0)
    ends.far.pause_reading()
    ends.run(LINGER_S + 1)
    assert ends.pair.client.streams  # it has read some of it
    ends.far.resume_reading()
    ends.run(LINGER_S + 1)
    assert ends.far_user.data == b"0123456789abcdefghijklmnopqrstuvwxyz"
    assert ends.near_user.told == [("lost", None)]


def test_closing_sends_what_waits_before_it_is_lost() -> None:
    ends = Ends(window=10)
    ends.far.pause_reading()
    ends.near.write(b"0123456789abcdef")
    ends.near.close()
    ends.run()
    assert ends.near_user.told == []
    ends.far.resume_reading()
    ends.run()
    assert ends.near_user.told == [("lost", None)]
    assert ends.far_user.data == b"0123456789abcdef"


def test_who_writes_to_a_closed_end_is_reset() -> None:
    ends = Ends()
    ends.near.close()
    ends.run()
    ends.far.write(b"anybody there?")
    ends.run()
    assert ends.far_user.told == ["eof", ("lost", "upstream-reset")]


def test_a_far_end_that_never_closes_is_given_up() -> None:
    ends = Ends()
    ends.near.close()
    ends.run(LINGER_S + 1)
    assert not ends.pair.client.streams
    assert ends.far_user.told == ["eof", ("lost", None)]


@pytest.mark.parametrize("status", [b"501", b"503"])
def test_a_refusal_is_a_connection_that_never_was(status: bytes) -> None:
    clock, user = Clock(), User()
    pair = Pair(server=HOP)
    pair.exchange()
    near = ByteStream(clock, user, "far:1")  # type: ignore[arg-type]
    near.stream = pair.client.open(connect(b"gopher", b"far:1"), False, near)
    pair.exchange()
    pair.served.streams[0].send_headers([(b":status", status, False)], True)
    pair.served.streams[0].reset(wire.NO_ERROR)
    pair.exchange()
    assert user.told == [("lost", "hop-refused")]


@pytest.mark.parametrize("held", [False, True])
def test_a_user_that_fails_loses_its_stream_and_nobody_elses(held: bool) -> None:
    ends = Ends()
    faults: list[dict[str, Any]] = []
    ends.clock.call_exception_handler = faults.append  # type: ignore[attr-defined]

    def fail(data: bytes) -> None:
        raise RuntimeError("a fault")

    ends.far_user.data_received = fail  # type: ignore[method-assign]
    if held:
        ends.far.pause_reading()
    ends.near.write(b"hello")
    ends.run()
    if held:
        ends.far.resume_reading()
        ends.run()
    assert [str(fault["exception"]) for fault in faults] == ["a fault"]
    assert ends.far_user.told == [("lost", None)]
    assert ends.near_user.told == [("lost", "upstream-reset")]
    assert not ends.pair.server.closed
    assert not ends.pair.client.closed


@pytest.mark.parametrize("end", ["read", "close", "abort", "reset", "lost"])
def test_what_is_held_is_counted_until_it_no_longer_is(end: str) -> None:
    ends = Ends()
    assert ends.far.stream is not None
    connection = ends.far.stream.connection
    meter = connection.meter
    ends.far.pause_reading()
    for _ in range(3):
        ends.near.write(bytes(10_000))
        ends.run()
    assert meter.waiting == 30_000
    if end == "read":
        ends.far.resume_reading()
    elif end == "close":
        ends.far.close()
    elif end == "abort":
        ends.far.abort()
    elif end == "reset":
        ends.near.abort()
    else:
        connection.lost()
    ends.run()
    assert meter.waiting == 0


class Refused:
    """A byte stream that said something on a connection whose far end has left meanwhile, and the next connection."""

    def __init__(self, said: bytes = b"said ") -> None:
        self.clock, self.user, self.asked = Clock(), User(), 0
        self.pair = self.connect()
        self.near = ByteStream(self.clock, self.user, "far:1")  # type: ignore[arg-type]
        self.near.insist(self.again)
        self.near.stream = self.open()
        self.near.write(said)

    def connect(self) -> Pair:
        pair = Pair(server=HOP, client=HOP)
        pair.exchange()
        return pair

    def open(self) -> Stream:
        return self.pair.client.open(connect(TCP, b"far:1"), False, self.near)

    def again(self) -> None:
        self.asked += 1

    def refuse(self) -> None:
        """The far end's last word crosses the stream on its way."""
        last = self.pair.client.next - 4
        self.pair.client.receive(wire.goaway(max(0, last), wire.NO_ERROR))

    def carry(self) -> None:
        self.pair = self.connect()
        self.near.carried(self.open())
        self.pair.exchange()

    @property
    def heard(self) -> bytes:
        return b"".join(self.pair.served.bodies.values())

    @property
    def ended(self) -> bool:
        (stream,) = self.pair.served.streams
        return stream.remote_closed


def test_what_a_far_end_that_has_left_did_not_hear_is_said_to_the_next() -> None:
    refused = Refused()
    refused.refuse()
    assert (refused.asked, refused.near.wanted, refused.near.leaving) == (1, True, True)
    refused.near.write(b"meanwhile ")
    refused.near.write_eof()
    refused.carry()
    assert (refused.heard, refused.ended, refused.near.leaving) == (b"said meanwhile ", True, False)
    assert refused.user.told == []
    refused.pair.served.streams[0].send_headers(ACCEPTED)
    refused.pair.served.streams[0].send_data(b"answer")
    refused.pair.exchange()
    assert refused.user.data == b"answer"


def test_what_was_accepted_is_not_said_again() -> None:
    refused = Refused()
    refused.pair.exchange()
    refused.pair.served.streams[0].send_headers(ACCEPTED)
    refused.pair.exchange()
    refused.refuse()
    assert (refused.asked, refused.user.told) == (0, [("lost", "upstream-reset")])


def test_nothing_is_said_again_for_ever() -> None:
    refused = Refused()
    for _ in range(ATTEMPTS - 1):
        refused.refuse()
        refused.carry()
    refused.refuse()
    assert (refused.asked, refused.user.told) == (ATTEMPTS - 1, [("lost", "upstream-reset")])


def test_too_much_to_be_kept_is_not_said_again() -> None:
    refused = Refused(bytes(REPLAY_LIMIT + 1))
    refused.refuse()
    assert (refused.asked, refused.user.told) == (0, [("lost", "upstream-reset")])


def test_while_there_is_nobody_to_hear_a_writer_is_paused() -> None:
    refused = Refused()
    refused.refuse()
    refused.near.write(bytes(REPLAY_LIMIT))
    assert refused.user.told == ["pause"]
    refused.carry()
    assert refused.user.told == ["pause", "resume"]
    assert len(refused.heard) == REPLAY_LIMIT + len(b"said ")


def test_who_has_closed_meanwhile_is_still_heard() -> None:
    refused = Refused()
    refused.refuse()
    refused.near.close()
    refused.clock.advance(0.0)
    assert refused.user.told == []
    refused.carry()
    refused.clock.advance(0.0)
    assert (refused.heard, refused.ended, refused.user.told) == (b"said ", True, [("lost", None)])


def test_who_has_gone_meanwhile_wants_no_other_stream() -> None:
    refused = Refused()
    refused.refuse()
    refused.near.abort()
    refused.clock.advance(0.0)
    assert (refused.near.wanted, refused.user.told) == (False, [("lost", None)])


def test_without_another_connection_it_is_lost_with_the_reason() -> None:
    refused = Refused()
    refused.refuse()
    refused.near.uncarried("connect-refused")
    assert refused.user.told == [("lost", "connect-refused")]
