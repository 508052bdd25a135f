"""A byte stream inside an HTTP/2 stream, in asyncio's words: its user cannot tell it from a TCP transport.

Both ends of the mesh hop make them: host/hop for what comes in, host/hops for what goes out. END_STREAM is the
half-close, RST_STREAM the reset, the stream's window the back-pressure.

A far end that is leaving refuses streams that crossed its last word on the way, unseen (RFC 9113, 6.8 and 8.7). The
dialling side keeps what it has said until it is accepted, and says it again on another connection; its user, who may
carry what must not be repeated or cannot be, never hears of it.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from agents.sidecar.engine.http2 import wire
from agents.sidecar.engine.http2.fields import Fields
from agents.sidecar.engine.http2.stream import Stream

HIGH_MARK = 64 * 1024  # bytes that wait in the stream before the writer is told to pause
LINGER_S = 30.0  # for the far end's half after a close
ATTEMPTS = 3
REPLAY_LIMIT = 64 * 1024  # bytes that are kept to be said again


class UncarriedError(ConnectionResetError):
    """Nobody has heard a word of what a stream was to carry: all of it, `said` and `shut`, may be said elsewhere."""

    def __init__(self, error: str, said: bytes, shut: bool) -> None:
        super().__init__(error)
        self.said = said
        self.shut = shut


class ByteStream:
    """Transport towards `protocol`, sink towards the engine."""

    __slots__ = (
        "_again",
        "_attempts",
        "_closing",
        "_ended",
        "_gone",
        "_held",
        "_loop",
        "_lost",
        "_paused",
        "_peer",
        "_protocol",
        "_shut",
        "_stopped",
        "_told",
        "_unheard",
        "_waiting",
        "stream",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: Any, peer: str) -> None:
        self.stream: Stream | None = None
        self._loop = loop
        self._protocol = protocol
        self._peer = peer
        self._held: list[bytes] = []  # came while reading was paused
        self._paused = False  # reading, by our user
        self._stopped = False  # writing: the user was told
        self._shut = False  # by our user, who will write no more
        self._ended = False  # the far end will send no more
        self._told = False  # and the user knows
        self._gone = False  # the stream is over, and what is held still has to be read
        self._closing = False
        self._lost = False  # the user has heard connection_lost
        self._again: Callable[[], None] | None = None  # asks for another connection
        self._unheard: bytearray | None = None  # said before it was accepted; None: it was, or it is too much
        self._waiting = False  # for another connection
        self._attempts = 1

    # What a transport's user calls.

    def write(self, data: bytes) -> None:
        stream = self.stream
        if stream is None or self._closing:
            return
        if self._unheard is not None:
            self._keep(data)
        if not stream.send_data(bytes(data)) and not self._stopped and stream.queued > HIGH_MARK:
            self._stopped = True
            self._protocol.pause_writing()

    def writelines(self, parts: list[bytes]) -> None:
        self.write(b"".join(parts))

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        if self._paused:
            self._paused = False
            if self._held or (self._ended and not self._told):
                self._loop.call_soon(self._deliver)

    def is_reading(self) -> bool:
        return not self._paused and not self._closing

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if self.stream is not None and not self._closing:
            self._shut = True
            self.stream.send_data(b"", True)

    def close(self) -> None:
        """Send what waits, then half-close; what still comes is dropped."""
        stream = self.stream
        if self._closing or stream is None:
            return
        self._closing = True
        self._drop_held()
        if not self._waiting:
            self._finish(stream)

    def abort(self) -> None:
        stream = self.stream
        if stream is None or self._lost:
            return
        self._closing = True
        self._unheard = None  # nobody is to hear it
        stream.reset(wire.CANCEL)
        self._drop_held()
        self._loop.call_soon(self._lose, None)

    def is_closing(self) -> bool:
        return self._closing

    @property
    def leaving(self) -> bool:
        """Tell whether the connection beneath ends after its streams: nothing new should begin on this one."""
        return self.stream is not None and self.stream.connection.draining

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._peer if name == "peername" else default

    def get_write_buffer_size(self) -> int:
        return self.stream.queued if self.stream is not None else 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """The engine has its own marks."""

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol

    def get_protocol(self) -> Any:
        return self._protocol

    # What host/hops calls.

    def insist(self, again: Callable[[], None]) -> None:
        """Ask for another connection after a refusal: `carried` or `uncarried` is the answer."""
        self._again = again
        self._unheard = bytearray()

    def carried(self, stream: Stream) -> None:
        """Here is another stream: say everything again."""
        self._waiting = False
        self.stream = stream
        unheard = self._unheard
        assert unheard is not None
        sent = stream.send_data(bytes(unheard))
        if self._closing:
            self._finish(stream)
            return
        if self._shut:
            stream.send_data(b"", True)
        if self._stopped and sent:
            self._stopped = False
            self._protocol.resume_writing()

    def uncarried(self, error: str) -> None:
        """There is no other connection."""
        self._closing = True
        self._lose(UncarriedError(error, bytes(self._unheard or b""), self._shut))

    @property
    def wanted(self) -> bool:
        """Tell whether another stream would be of any use."""
        return self._waiting and self._unheard is not None

    # What the engine calls.

    def on_headers(self, stream: Stream, headers: Fields, status: int, end: bool) -> None:
        self._unheard = None
        if status != 200:
            self._closing = True
            stream.reset(wire.CANCEL)
            self._lose(ConnectionError("hop-refused"))
        elif end:
            self._end()

    def on_data(self, stream: Stream, data: bytes, end: bool) -> None:
        if self._closing:
            if data:
                stream.reset(wire.CANCEL)
            return
        if self._paused or self._held:  # what is held comes first, even if it may be read again
            if data:
                self._held.append(data)
                stream.connection.meter.waiting += len(data)
            self._ended = end
            return
        if data:
            try:
                self._protocol.data_received(data)
            except Exception as error:  # noqa: BLE001 - as with a loop's transports: the end of this stream, not of all
                self._fault(error)
            stream.consumed(len(data))
        if end and not self._closing:
            self._end()

    def on_trailers(self, stream: Stream, headers: Fields) -> None:
        self.on_data(stream, b"", True)

    def on_drained(self, stream: Stream) -> None:
        if self._closing:
            if stream.local_closed:
                self._loop.call_soon(self._lose, None)
        elif self._stopped:
            self._stopped = False
            self._protocol.resume_writing()

    def on_reset(self, stream: Stream, code: int) -> None:
        if code == wire.REFUSED_STREAM and self._repeat():
            return
        clean = code == wire.NO_ERROR or (self._closing and code >= 0)
        if clean and self._held and not self._closing:
            self._gone = True
            return
        self._closing = True
        self._drop_held()
        self._lose(None if clean else ConnectionResetError(stream.connection.why or "upstream-reset"))

    # How it is done.

    def _keep(self, data: bytes) -> None:
        """Remember what may have to be said again."""
        unheard = self._unheard
        assert unheard is not None
        unheard += data
        if len(unheard) <= REPLAY_LIMIT:
            return
        if not self._waiting:
            self._unheard = None
        elif not self._stopped:
            self._stopped = True
            self._protocol.pause_writing()

    def _repeat(self) -> bool:
        """Begin anew on another connection; False if it cannot be."""
        if self._again is None or self._unheard is None or self._attempts >= ATTEMPTS:
            return False
        self._attempts += 1
        self._waiting = True
        self._again()
        return True

    def _finish(self, stream: Stream) -> None:
        """Half-close, and wait for the far end's half."""
        stream.send_data(b"", True)
        if stream.local_closed:
            self._loop.call_soon(self._lose, None)
        if not stream.remote_closed:
            self._loop.call_later(LINGER_S, self._linger, stream.queued)

    def _fault(self, error: Exception) -> None:
        """Our user has failed: say where, as asyncio does, and end its stream."""
        self._loop.call_exception_handler(
            {"message": "Fatal error on a stream of the hop", "exception": error, "protocol": self._protocol}
        )
        self.abort()

    def _end(self) -> None:
        self._ended = self._told = True
        if not self._protocol.eof_received():
            self.close()

    def _deliver(self) -> None:
        held = self._held
        while held and not self._paused and not self._closing:
            data = held.pop(0)
            if self.stream is not None:
                self.stream.connection.meter.waiting -= len(data)
            try:
                self._protocol.data_received(data)
            except Exception as error:  # noqa: BLE001 - as above
                self._fault(error)
            if self.stream is not None:
                self.stream.consumed(len(data))
        if held or self._paused or self._closing:
            return
        if self._ended and not self._told:
            self._end()
        if self._gone:
            self._closing = True
            self._lose(None)

    def _linger(self, queued: int) -> None:
        """Wait for the far end's half no longer, unless it is still reading ours."""
        stream = self.stream
        assert stream is not None
        if stream.queued and stream.queued < queued:
            self._loop.call_later(LINGER_S, self._linger, stream.queued)
        else:
            stream.reset(wire.NO_ERROR)

    def _drop_held(self) -> None:
        if self.stream is not None and self._held:
            size = sum(map(len, self._held))
            self._held.clear()
            self.stream.connection.meter.waiting -= size
            self.stream.consumed(size)

    def _lose(self, error: Exception | None) -> None:
        if not self._lost:
            self._lost = True
            self._protocol.connection_lost(error)
