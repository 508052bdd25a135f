"""Two makes of an HTTP/2 endpoint with one face, ours and that of `h2`, for test_http2_machine to set on each other.

An End says what it is told to as far as windows allow, and keeps what it hears. What it heard counts against the other
side's windows until it is told to `consume`.
"""

from collections import defaultdict
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

from agents.sidecar.engine.http2.connection import CLIENT, SERVER, Connection
from agents.sidecar.engine.http2.fields import Fields
from agents.sidecar.engine.http2.limits import Limits
from agents.sidecar.engine.http2.stream import Stream
from tests.support.http2 import REQUEST, head, plain

REPLY = head((b":status", b"200"), (b"content-type", b"application/grpc"))
TRAILERS = head((b"grpc-status", b"0"), (b"x", b"y"))
SMALL = Limits(stream_window=3000, connection_window=70_000)
_CANCEL = 8


class End:
    """What both have in common: what was heard."""

    def __init__(self) -> None:
        self.begun: list[int] = []  # server role: requests, in order
        self.heard: dict[int, bytes] = defaultdict(bytes)
        self.unconsumed: dict[int, int] = defaultdict(int)
        self.ended: set[int] = set()  # streams whose other side has said its last word
        self.trailers: set[int] = set()
        self.reset: set[int] = set()  # by the other side
        self.refused_above: int | None = None  # GOAWAY came

    def take(self) -> bytes:
        raise NotImplementedError

    def receive(self, data: bytes) -> None:
        raise NotImplementedError


class Ours(End):
    """The sidecar's engine."""

    def __init__(self, role: int) -> None:
        super().__init__()
        self.connection = Connection(role, self, SMALL)
        self.streams: dict[int, Stream] = {}
        self.connection.start()

    def take(self) -> bytes:
        return self.connection.take_output()

    def receive(self, data: bytes) -> None:
        self.connection.receive(data)

    # What it is told to do.

    def open(self, end: bool) -> int | None:
        if not self.connection.room:
            return None
        stream = self.connection.open(REQUEST, end, self)
        self.streams[stream.id] = stream
        return stream.id

    def reply(self, number: int) -> None:
        self.streams[number].send_headers(REPLY)

    def send(self, number: int, data: bytes, end: bool) -> None:
        self.streams[number].send_data(data, end)

    def close(self, number: int) -> None:
        self.streams[number].send_trailers(TRAILERS)

    def cancel(self, number: int) -> None:
        self.streams[number].reset(_CANCEL)

    def consume(self, number: int) -> None:
        size, self.unconsumed[number] = self.unconsumed[number], 0
        self.streams[number].consumed(size)

    def resize(self, window: int) -> None:
        """Its windows are what they are."""

    # Handler and Sink.

    def wake(self) -> None: ...

    def on_stream(self, stream: Stream, headers: Fields, fields: dict[bytes, bytes], end: bool) -> None:
        stream.sink = self
        self.streams[stream.id] = stream
        self.begun.append(stream.id)
        assert plain(headers) == plain(REQUEST)
        if end:
            self.ended.add(stream.id)

    def on_headers(self, stream: Stream, headers: Fields, status: int, end: bool) -> None:
        assert plain(headers) == plain(REPLY)
        if end:
            self.ended.add(stream.id)

    def on_data(self, stream: Stream, data: bytes, end: bool) -> bool:
        assert stream.id not in self.ended | self.reset
        self.heard[stream.id] += data
        if end:
            self.ended.add(stream.id)
        if len(data) % 3 == 0:
            return True  # taken in at once
        self.unconsumed[stream.id] += len(data)
        return False

    def on_trailers(self, stream: Stream, headers: Fields) -> None:
        assert stream.id not in self.ended | self.reset
        assert plain(headers) == plain(TRAILERS)
        self.trailers.add(stream.id)
        self.ended.add(stream.id)

    def on_reset(self, stream: Stream, code: int) -> None:
        assert stream.id not in self.reset
        self.reset.add(stream.id)

    def on_drained(self, stream: Stream) -> None: ...

    def on_oversized(self, stream: Stream, end: bool) -> None:
        raise AssertionError("nobody says that much here")

    def on_excess(self) -> None:
        raise AssertionError("nobody opens more streams than allowed here")

    def on_hello(self, payload: bytes) -> None:
        raise AssertionError("nobody says HELLO here")

    def on_settings(self) -> None: ...

    def on_room(self) -> None: ...

    def on_goaway(self, last: int, code: int) -> None:
        self.refused_above = last

    def on_failure(self, code: int, reason: str) -> None:
        raise AssertionError(f"{code}: {reason}")


class Theirs(End):
    """`h2`, which leaves windows to its user: what does not fit waits here."""

    def __init__(self, role: int) -> None:
        super().__init__()
        self.connection = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=role == CLIENT, header_encoding=False)
        )
        self.connection.initiate_connection()
        self.settled = False
        self.wanted: int | None = SMALL.stream_window
        self.waiting: dict[int, bytearray] = {}
        self.last: dict[int, str] = {}  # how a stream ends once all of it went out
        self.gone: set[int] = set()  # streams that take nothing more

    def take(self) -> bytes:
        self._pump()
        data: bytes = self.connection.data_to_send()
        return data

    def receive(self, data: bytes) -> None:
        for event in self.connection.receive_data(data):
            self._hear(event)

    def open(self, end: bool) -> int | None:
        number: int = self.connection.get_next_available_stream_id()
        self.connection.send_headers(number, plain(REQUEST), end_stream=end)
        self.waiting[number] = bytearray()
        if end:
            self.gone.add(number)
        return number

    def reply(self, number: int) -> None:
        if number not in self.gone:
            self.connection.send_headers(number, plain(REPLY))

    def send(self, number: int, data: bytes, end: bool) -> None:
        self.waiting[number] += data
        if end:
            self.last[number] = "end"

    def close(self, number: int) -> None:
        self.last[number] = "trailers"

    def cancel(self, number: int) -> None:
        self.gone.add(number)
        self.connection.reset_stream(number, _CANCEL)
        self.consume(number)

    def consume(self, number: int) -> None:
        size, self.unconsumed[number] = self.unconsumed[number], 0
        if size:
            self.connection.acknowledge_received_data(size, number)

    def resize(self, window: int) -> None:
        """One change at a time: it takes each acknowledgement for that of the oldest value it has not seen in force."""
        self.wanted = window
        if self.settled:
            self.settled = False
            self.wanted = None
            self.connection.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})

    def _pump(self) -> None:
        for number, waiting in self.waiting.items():
            while number not in self.gone:
                window = self.connection.local_flow_control_window(number)
                size = min(len(waiting), window, self.connection.max_outbound_frame_size)
                if size > 0:
                    self.connection.send_data(number, bytes(waiting[:size]))
                    del waiting[:size]
                if waiting:
                    if size <= 0:
                        break
                    continue
                if number in self.last:
                    self.gone.add(number)
                    if self.last[number] == "end":
                        self.connection.end_stream(number)
                    else:
                        self.connection.send_headers(number, plain(TRAILERS), end_stream=True)
                break

    def _hear(self, event: Any) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self.begun.append(event.stream_id)
            self.waiting[event.stream_id] = bytearray()
            assert event.headers == plain(REQUEST)
        elif isinstance(event, h2.events.ResponseReceived):
            assert event.headers == plain(REPLY)
        elif isinstance(event, h2.events.DataReceived):
            self.heard[event.stream_id] += event.data
            self.unconsumed[event.stream_id] += event.flow_controlled_length
        elif isinstance(event, h2.events.TrailersReceived):
            assert event.headers == plain(TRAILERS)
            self.trailers.add(event.stream_id)
        elif isinstance(event, h2.events.SettingsAcknowledged):
            self.settled = True
            if self.wanted is not None:
                self.resize(self.wanted)
        elif isinstance(event, h2.events.StreamEnded):
            self.ended.add(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self.reset.add(event.stream_id)
            self.gone.add(event.stream_id)
            self.consume(event.stream_id)
        assert not isinstance(event, h2.events.ConnectionTerminated), event


__all__ = ["CLIENT", "SERVER", "End", "Ours", "Theirs"]
