"""An HTTP/2 connection, either role: frames in, callbacks out.

One receive loop takes a read apart and tells handler and sinks at once; nothing is made per frame. A head is decoded
once (`Heads`), into the list that goes on to the other side. Frames that are neither data nor heads are control's.
The peer is never trusted: every limit is in `Limits`, and what breaks RFC 9113 ends the stream or the connection.
"""

import time
from collections.abc import Callable

from . import control
from .fields import UNTOLD, MalformedError
from .handler import Handler
from .heads import LARGE, REQUEST, TRAILERS, Head, Heads, LargeError
from .limits import CANCELLATION, EMPTY, RAPID_RESET, Limits
from .session import CLIENT, FIRST, SERVER, Session
from .stream import BODYLESS, Stream
from .wire import (
    ACK,
    ANY_DATA,
    CONTINUATION,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    HEADERS,
    LARGEST_ID,
    LAST_DATA,
    PREFACE,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    SETTINGS,
    SMALL_ID,
    STREAM_CLOSED,
    WHOLE_HEADS,
    ConnectionFault,
    rst_stream,
    unpack,
    window_update,
)

__all__ = ("CLIENT", "SERVER", "Connection")


class Connection(Session):
    """One connection; `receive` what arrived, write what `take_output` gives."""

    __slots__ = (
        "_block",
        "_block_flags",
        "_continuations",
        "_known",
        "_preface",
        "_rest",
        "heads",
    )

    def __init__(
        self, role: int, handler: Handler, limits: Limits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(role, handler, limits, clock)
        self.heads = Heads(limits)
        self._known = self.heads.known
        self._rest = b""
        self._preface = PREFACE if role == SERVER else b""
        self._block: list[bytes] = []
        self._block_flags = 0
        self._continuations = 0

    def receive(self, data: bytes) -> None:
        """Take in bytes as they came from the transport."""
        if self.closed:
            return
        self.turn += 1
        self.before = self.last
        try:
            if self._rest:
                data = self._rest + data
                self._rest = b""
            if self._preface:
                data = self._greet(data)
            self._receive(data)
        except ConnectionFault as fault:
            self.fail(fault.code, fault.reason)

    def _receive(self, data: bytes) -> None:
        size = len(data)
        pos = total = taken = 0
        streams = self.streams
        known = self._known.get
        heads = WHOLE_HEADS.get
        client = self.role
        largest = self.limits.frame
        last = size - 9  # where a whole frame's head can still begin
        while True:
            if pos > last:
                break
            high, length, form, number = unpack(data, pos)
            if high:
                length |= high << 16
            start = pos + 9
            end = start + length
            if end > size or length > largest:
                if length > largest:
                    raise ConnectionFault(FRAME_SIZE_ERROR, "a frame larger than allowed")
                break
            pos = end
            if self.expect:
                self._expected(form, number)
            if form > ANY_DATA:
                whole = heads(form)
                if whole is None:
                    self._rare(form, number, data[start:end])
                    continue
                block = data[start:end]
                stream = streams.get(number)
                if stream is None:
                    self._new_head(number, block, known(block), whole)
                elif client and not stream.head and not stream.remote_closed:
                    self._reply(stream, block, known(block), whole)
                else:
                    self._trailers(stream, block, known(block), whole)
                continue
            total += length
            stream = streams.get(number)
            if stream is None or stream.remote_closed or form > LAST_DATA:
                body = self._unusual_data(stream, number, data[start:end], form)
                if body is None or stream is None:
                    continue
                length = len(body)
                form &= END_STREAM
            else:
                body = data[start:end]
            stream.read_bytes = read = stream.read_bytes + length
            if read > stream.bound:
                self._overrun(stream)
                continue
            sink = stream.sink
            if form:
                if stream.length >= 0 and read != stream.length:
                    self.fault(stream, PROTOCOL_ERROR)
                    continue
                stream.remote_closed = True
                if stream.local_closed:
                    self.forget(stream)
                passed = sink.on_data(stream, body, True)
            elif length:
                passed = sink.on_data(stream, body, False)
            else:
                self.spend(EMPTY, "empty DATA frames")
                continue
            if passed:
                read = stream.taken + length
                if read < stream.mark:
                    stream.taken = read
                    taken += length
                else:
                    stream.consumed(length)
        self.read_total += total
        if self.read_total > self.read_allowed:
            raise ConnectionFault(FLOW_CONTROL_ERROR, "more data than the connection's window")
        if taken:
            self.credit += taken
            if self.credit >= self.credit_mark:
                self.give_credit()
        if pos < size:
            self._rest = data[pos:] if pos else data

    def _rare(self, form: int, number: int, payload: bytes) -> None:
        """A frame that is neither data nor a head in one piece."""
        kind, flags = form >> 8, form & 0xFF
        if kind == HEADERS:
            self._unusual_head(number, payload, flags)
        elif kind == CONTINUATION:
            self._continue(payload, flags, number)
        else:
            control.dispatch(self, kind, flags, number & LARGEST_ID, payload)

    def _greet(self, data: bytes) -> bytes:
        """A client's first bytes (section 3.4)."""
        size = min(len(data), len(self._preface))
        if data[:size] != self._preface[:size]:
            raise ConnectionFault(PROTOCOL_ERROR, "no HTTP/2 preface")
        self._preface = self._preface[size:]
        return data[size:]

    def _expected(self, form: int, number: int) -> None:
        """The next frame may only be the first SETTINGS, or the rest of a head."""
        kind = form >> 8
        if self.expect == FIRST:
            if kind != SETTINGS or form & ACK:
                raise ConnectionFault(PROTOCOL_ERROR, "the first frame is not SETTINGS")
            self.expect = 0
            self.peer_streams = LARGEST_ID  # section 6.5.2: no limit, unless this frame names one
        elif kind != CONTINUATION or number & LARGEST_ID != self.expect & LARGEST_ID:
            raise ConnectionFault(PROTOCOL_ERROR, "a head is interrupted")

    def _unusual_head(self, number: int, payload: bytes, flags: int) -> None:
        """A HEADERS frame with padding or priority, or one that does not hold all of the head."""
        block = self._unpad(payload, flags, number) if flags & 0x28 else payload
        if flags & 4:
            self._head(number, block, flags & 1 == 1)
        else:
            self.expect = number
            self._block = [block]
            self._block_flags = flags
            self._continuations = 0

    def _unpad(self, payload: bytes, flags: int, number: int) -> bytes:
        """Take padding and priority off a HEADERS frame."""
        start, end = 0, len(payload)
        if flags & 8:
            if not payload:
                raise ConnectionFault(FRAME_SIZE_ERROR, "a frame without its padding")
            start, end = 1, end - payload[0]
        if flags & 0x20:
            start += 5
            if start <= end and int.from_bytes(payload[start - 5 : start - 1], "big") & 0x7FFFFFFF == number:
                raise ConnectionFault(PROTOCOL_ERROR, "a stream depends on itself")
        if start > end:
            raise ConnectionFault(PROTOCOL_ERROR, "padding is longer than its frame")
        return payload[start:end]

    def _continue(self, part: bytes, flags: int, number: int) -> None:
        if not self.expect:
            raise ConnectionFault(PROTOCOL_ERROR, "CONTINUATION without a head")
        self._block.append(part)
        self._continuations += 1
        limits = self.limits
        if self._continuations > limits.continuations or sum(map(len, self._block)) > limits.header_block:
            raise ConnectionFault(ENHANCE_YOUR_CALM, "a head without end")
        if flags & 4:
            block = b"".join(self._block)
            self._block = []
            self.expect = 0
            self._head(number, block, self._block_flags & 1 == 1)

    def _head(self, number: int, block: bytes, end: bool) -> None:
        """A whole head came, in an unusual way."""
        head = self._known.get(block)
        stream = self.streams.get(number)
        if stream is None:
            self._new_head(number, block, head, end)
        elif self.role == CLIENT and not stream.head and not stream.remote_closed:
            self._reply(stream, block, head, end)
        else:
            self._trailers(stream, block, head, end)

    def _reply(self, stream: Stream, block: bytes, head: Head | None, end: bool) -> None:
        """A reply's head came, or an informational one before it."""
        try:
            headers, _, status, length = self.heads.reply(block) if head is None else head
            if status < 200:
                self._informational(status, end)
            else:
                stream.head = True
                if length != UNTOLD or status != 200:
                    self._length(stream, status, length, end)
        except MalformedError:
            self.fault(stream, PROTOCOL_ERROR)
            return
        sink = stream.sink
        if end:
            stream.remote_closed = True
            if stream.local_closed:
                self.forget(stream)
        sink.on_headers(stream, headers, status, end)

    def _trailers(self, stream: Stream, block: bytes, head: Head | None, end: bool) -> None:
        """A head came on a stream that has had one."""
        if stream.remote_closed:
            self._closed_head(stream, block, head)
            return
        if head is None:
            try:
                head = self.heads.trailers(block, self.role == CLIENT and self.limits.trusted)
            except MalformedError:
                self.fault(stream, PROTOCOL_ERROR)
                return
        headers, _, status, _ = head
        if status != TRAILERS or not end or (stream.length >= 0 and stream.length != stream.read_bytes):
            self.fault(stream, PROTOCOL_ERROR)
            return
        stream.remote_closed = True
        sink = stream.sink
        if stream.local_closed:
            self.forget(stream)
        sink.on_trailers(stream, headers)

    def _new_head(self, number: int, block: bytes, head: Head | None, end: bool) -> None:
        """A head of a stream that is not open: a request, or a stray."""
        if self.closed:
            return
        if head is None:
            try:
                head = self.heads.request(block)
            except LargeError:
                head = LARGE
            except MalformedError:
                pass  # told below, unless it is a stray, or refused for another reason
        before = self.last
        if not before or number != before + 2 or number > SMALL_ID:  # nearly always it is the one after the last
            number &= LARGEST_ID
            if self.role == CLIENT or number <= self.last or not number & 1:
                self._stray_head(number)
                return
        self.last = number
        self.opened += 1
        limits = self.limits
        if len(self.streams) >= limits.streams or self.draining:
            if not self.draining:
                self.handler.on_excess()
            self._refuse(number, REFUSED_STREAM)
            return
        if head is None:
            self._refuse(number, PROTOCOL_ERROR)
            return
        headers, found, kind, length = head
        if kind != REQUEST or (end and length > 0):
            self._refuse(number, PROTOCOL_ERROR)
            return
        stream = self.streams[number] = Stream(self, number)
        if length != UNTOLD:
            stream.length = length
            stream.bound = min(stream.bound, length)
        if end:
            stream.remote_closed = True
        if head is LARGE:
            self.handler.on_oversized(stream, end == 1)
            return
        self.handler.on_stream(stream, headers, found, end)

    def _closed_head(self, stream: Stream, block: bytes, head: Head | None) -> None:
        """A head on a stream that the peer has ended."""
        code = STREAM_CLOSED
        if head is None:
            try:
                self.heads.decode(block)
            except LargeError:
                code = PROTOCOL_ERROR
        self.fault(stream, code)

    def _length(self, stream: Stream, status: int, length: int, end: bool) -> None:
        """Take in what a reply's head says of its body."""
        if stream.length == BODYLESS or status == 304:
            stream.length = BODYLESS
            stream.bound = 0
        elif status == 204:
            stream.bound = stream.length = 0
            if length > 0:
                self._bodiless()  # RFC 9110, 8.6
        elif length != UNTOLD:
            stream.length = length
            stream.bound = min(stream.bound, length)
            if end and length:
                self._bodiless()

    def _bodiless(self) -> None:
        raise MalformedError("content-length without a body")

    def _informational(self, status: int, end: bool) -> None:
        if end or status < 100:  # known, and not as a reply
            raise MalformedError("an informational head that ends the stream")
        self.spend(EMPTY, "informational heads")

    def _unusual_data(self, stream: Stream | None, number: int, payload: bytes, flags: int) -> bytes | None:
        """Take padding off, which is consumed on the spot; None for DATA of a stream that does not read any more."""
        length = len(payload)
        body = payload
        if flags & 8:  # others mean nothing here
            if not payload or payload[0] >= length:
                raise ConnectionFault(PROTOCOL_ERROR, "padding is longer than its frame")
            body = payload[1 : length - payload[0]]
        stray = stream is None or stream.remote_closed
        self.credit += length if stray else length - len(body)
        if self.credit >= self.credit_mark:
            self.give_credit()
        if not stray:
            if flags & 8:
                self.answer(window_update(number & LARGEST_ID, length - len(body)))
            return body
        number &= LARGEST_ID
        if stream is not None:
            self.fault(stream, STREAM_CLOSED)
        elif self.idle(number):
            raise ConnectionFault(PROTOCOL_ERROR, "data on an idle stream")
        elif number not in self.ignored:
            self.spend(EMPTY, "data on closed streams")
            self._refuse(number, STREAM_CLOSED)
        elif not length and self.role == SERVER:  # no window bounds these
            self.spend(CANCELLATION, "empty DATA frames")
        return None

    def _overrun(self, stream: Stream) -> None:
        """More than the stream's window, or than its content-length said."""
        told = stream.length in (BODYLESS, stream.bound)
        self.fault(stream, PROTOCOL_ERROR if told else FLOW_CONTROL_ERROR)

    def _stray_head(self, number: int) -> None:
        if number in self.ignored:
            if self.role == SERVER:  # a server may well have answered what was cancelled
                self.spend(CANCELLATION, "heads on closed streams")
            return
        if self.role == SERVER:
            # Every number up to the last was opened unless the client skipped some: only those were never streams.
            skipped = not number & 1 or self.opened * 2 - 1 != self.last
            raise ConnectionFault(PROTOCOL_ERROR if skipped else STREAM_CLOSED, "a request on an old stream")
        if self.idle(number):
            raise ConnectionFault(PROTOCOL_ERROR, "a head on an idle stream")
        self.spend(EMPTY, "heads on closed streams")
        self._refuse(number, STREAM_CLOSED)

    def idle(self, number: int) -> bool:
        """Whether a stream was never opened, or is the connection itself."""
        if not number:
            return True
        if number & 1 == (self.role == CLIENT):
            return number >= self.next
        return number > self.last

    def reset_by_peer(self, number: int, code: int) -> None:
        """RST_STREAM came."""
        stream = self.streams.get(number)
        if stream is None:
            if self.idle(number):
                raise ConnectionFault(PROTOCOL_ERROR, "reset of an idle stream")
            self.spend(CANCELLATION, "resets of closed streams")
            return
        if self.role == SERVER:
            self.spend(RAPID_RESET if number > self.before else CANCELLATION, "rapid resets")
        sink = stream.sink
        stream.drop()
        self.forget(stream)
        sink.on_reset(stream, code)

    def fault(self, stream: Stream, code: int) -> None:
        """The peer broke a stream: reset it and tell its sink."""
        self.spend(CANCELLATION, "broken streams")
        sink = stream.sink
        stream.reset(code)
        sink.on_reset(stream, code)

    def _refuse(self, number: int, code: int) -> None:
        """Reset a stream that nobody has heard of."""
        self.spend(CANCELLATION, "refused streams")
        self.answer(rst_stream(number, code))
        self.ignore(number)
