"""What a connection knows and what it sends: streams, windows, output, and the way out.

`Connection` adds to it what is received; `Stream` and control act on it. Data that waits for windows or the transport
is sent from here, a frame for each stream in turn.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from .fields import Field, Fields
from .handler import NOBODY, Handler, Sink
from .hpack import Encoder, neutral
from .limits import Budget, Limits, Meter
from .stream import Stream
from .wire import (
    CONTINUATION,
    DATA,
    DEFAULT_FRAME,
    DEFAULT_WINDOW,
    ENABLE_CONNECT_PROTOCOL,
    ENABLE_PUSH,
    END_HEADERS,
    ENHANCE_YOUR_CALM,
    FRAME,
    HEADERS,
    HELLO,
    INITIAL_WINDOW_SIZE,
    LARGEST_ID,
    LOST,
    MAX_CONCURRENT_STREAMS,
    MAX_FRAME_SIZE,
    MAX_HEADER_LIST_SIZE,
    NO_ERROR,
    PING,
    PREFACE,
    ConnectionFault,
    frame,
    goaway,
    rst_stream,
    settings,
    window_update,
)

SERVER: Final = 0
CLIENT: Final = 1

FIRST = -1  # what `expect` says before the peer's first SETTINGS
_FIRST_STREAMS = 100  # how many a client opens before it knows the server's limit
CREDIT = 1 << 19  # bytes consumed before the connection's window is opened again
_IGNORED = 1000  # streams that we reset and whose late frames are dropped in silence


def _asleep() -> None:
    """A connection that is over writes nothing more."""


def _frames(out: Iterable[bytes | memoryview]) -> Iterator[tuple[int, bytes | memoryview, bytes | memoryview]]:
    """Yield stream, head and payload of data and heads; anything else as it is, with 0 for its stream."""
    parts = iter(out)
    for part in parts:
        if len(part) == FRAME.size and part[3] in (DATA, HEADERS, CONTINUATION):
            yield int.from_bytes(part[5:]), part, next(parts)
        else:
            yield 0, part, b""


class Session:
    """The state of one connection, and everything that goes out on it."""

    __slots__ = (
        "_budget",
        "_pumping",
        "asked",
        "before",
        "begun",
        "blocks",
        "closed",
        "credit",
        "credit_mark",
        "crowded",
        "draining",
        "earned",
        "encoder",
        "expect",
        "frame_room",
        "handler",
        "ignored",
        "last",
        "limits",
        "meter",
        "next",
        "opened",
        "out",
        "peer_connect",
        "peer_frame",
        "peer_header_list",
        "peer_streams",
        "peer_window",
        "pongs",
        "read_allowed",
        "read_total",
        "ready",
        "represent",
        "role",
        "stream_mark",
        "stream_window",
        "streams",
        "turn",
        "unsettled",
        "unwritten",
        "updates",
        "wake",
        "why",
        "window",
        "written",
    )

    def __init__(
        self, role: int, handler: Handler, limits: Limits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.role = role
        self.handler = handler
        self.wake: Callable[[], None] = handler.wake
        self.out: list[bytes | memoryview] = []
        self.streams: dict[int, Stream] = {}
        self.closed = False  # nothing is read or reported any more
        self.draining = False  # one side said GOAWAY
        self.crowded = False  # client role: tell the handler when a stream ends
        # Streams with data and a window of their own, in turn: those without cost nothing until theirs is opened.
        self.ready: OrderedDict[Stream, None] = OrderedDict()
        self.asked = 0  # pings without an answer yet
        self.pongs = 0
        self.unsettled = 0  # SETTINGS without an acknowledgement yet
        self.written = 0  # pieces of output
        self.earned = 0  # `written` and `opened` as the last WINDOW_UPDATE found them
        self.updates = 0  # how many more of them are free
        self.window = DEFAULT_WINDOW  # what may be sent
        self.read_total = 0  # bytes of DATA frames so far, and how many there may be
        self.read_allowed = limits.connection_window
        self.credit = 0
        # Small beside the window: what a few slow streams keep must not keep the rest from being told.
        self.credit_mark = min(limits.connection_window // 2, CREDIT)
        self.stream_window = limits.stream_window
        self.stream_mark = limits.stream_window // 2
        self.peer_window = DEFAULT_WINDOW  # of new streams
        self.peer_frame = DEFAULT_FRAME
        self.frame_room = DEFAULT_FRAME  # of DATA; 0 while the transport is full
        self.peer_streams = _FIRST_STREAMS
        self.peer_header_list = 0  # 0: not told
        self.peer_connect = False  # extended CONNECT is allowed
        self.limits = limits
        self.meter: Meter = Meter()  # the host's own, where it has one for all connections
        self.encoder = Encoder()
        self.represent: Callable[[Field], bytes] = self.encoder.lookup
        self.blocks = self.encoder.blocks
        self.expect = FIRST  # a stream's number: only its CONTINUATION may come
        self.last = 0  # the highest stream that the peer opened
        self.opened = 0  # how many streams the peer opened
        self.next = 1 if role == CLIENT else 2
        self.begun = self.next  # as the last output has it: streams from here on are known to nobody yet
        self.unwritten: dict[int, int] = {}  # those of them that are reset, and why
        self.ignored: dict[int, None] = {}
        self.before = 0  # `last` as it was when this read began, to tell rapid resets
        self.why = ""  # it was lost, in one word, if whoever ended it knows
        self.turn = 0  # reads so far: whether the peer has said something since
        self._pumping = False
        self._budget = Budget(limits, clock)

    def start(self, hello: bytes = b"") -> None:
        """Queue the preface (client role), SETTINGS and, between sidecars, HELLO."""
        limits = self.limits
        mine = {
            INITIAL_WINDOW_SIZE: limits.stream_window,
            MAX_FRAME_SIZE: limits.frame,
            MAX_HEADER_LIST_SIZE: limits.header_list,
        }
        self.wake()
        if self.role == CLIENT:
            self.out.append(PREFACE)
            mine[ENABLE_PUSH] = 0
        else:
            mine[MAX_CONCURRENT_STREAMS] = limits.streams
            if limits.connect:
                mine[ENABLE_CONNECT_PROTOCOL] = 1
        self.out.append(settings(mine))
        self.unsettled += 1
        if hello:
            self.out.append(frame(HELLO, 0, 0, hello))
        if limits.connection_window > DEFAULT_WINDOW:
            self.out.append(window_update(0, limits.connection_window - DEFAULT_WINDOW))

    def take_output(self) -> bytes:
        """Everything to write now; empties the output."""
        if self.unwritten:
            self._take_back()
        self.begun = self.next
        out = self.out
        data = b"".join(out)
        self.written += len(out)
        out.clear()
        return data

    def _take_back(self) -> None:
        """Drop streams that were opened and reset since the last output. A peer that counts rapid resets would end the
        connection, which others share, for what one client does."""
        reset, self.unwritten = self.unwritten, {}
        frames = list(_frames(self.out))
        told = {  # those whose heads the peer has to read, for the sake of its table
            number
            for number, head, payload in frames
            if number in reset and head[3] != DATA and not (head[4] & END_HEADERS and neutral(bytes(payload)))
        }
        self.out.clear()
        for number, head, payload in frames:
            if number not in reset or (number in told and head[3] != DATA):
                self.out += (head, payload) if number else (head,)
            elif head[3] == DATA:
                self.window += len(payload)
        self.out += [rst_stream(number, reset[number]) for number in told]
        self.pump()

    @property
    def room(self) -> bool:
        """Whether `open` may be called now: peer's limit on streams, no GOAWAY, identifiers left."""
        return len(self.streams) < self.peer_streams and not self.draining and not self.closed

    @property
    def known(self) -> bool:
        """Whether the peer's SETTINGS have come, so that `peer_connect` and `peer_streams` are its own words."""
        return self.expect != FIRST

    def open(self, headers: Fields, end: bool, sink: Sink) -> Stream:
        """Client role: begin a request. Only while `room` is true."""
        number = self.next
        self.next = number + 2
        if number > LARGEST_ID - 1000:
            self.draining = True
        stream = self.streams[number] = Stream(self, number)
        stream.sink = sink
        stream.send_headers(headers, end)
        return stream

    def block(self) -> None:
        """The transport's buffer is full: DATA waits in its streams."""
        self.frame_room = 0

    def unblock(self) -> None:
        """The transport took its buffer: go on sending DATA, fairly."""
        self.frame_room = self.peer_frame
        self.pump()

    def ping(self, payload: bytes = b"\0" * 8) -> None:
        """Ask for a sign of life; `pongs` counts the answers."""
        self.asked += 1
        self.answer(frame(PING, 0, 0, payload))

    def shutdown(self, *, final: bool = True, code: int = NO_ERROR) -> None:
        """GOAWAY. Not `final`: announce only, streams that are on their way still come (section 6.8). Open ones end."""
        if self.closed:
            return
        self.answer(goaway(self.last if final else LARGEST_ID, code))
        self.draining = self.draining or final or self.role == CLIENT

    def lost(self) -> None:
        """The transport is gone: every open stream hears `on_reset`."""
        self.closed = True
        self.wake = _asleep
        self.end_streams(0, LOST)

    def fail(self, code: int, reason: str) -> None:
        """End the connection with an error."""
        if self.closed:
            return
        self.why = self.why or "bad-response"
        self.answer(goaway(self.last, code, reason))
        self.closed = True
        self.end_streams(0, LOST)
        self.wake = _asleep
        self.handler.on_failure(code, reason)

    def pump(self) -> None:
        """Send what waits, a frame for each stream in turn, as far as windows and transport allow."""
        ready = self.ready
        if self._pumping or not ready:
            return
        self._pumping = True
        while ready and self.window > 0 and self.frame_room:
            stream, _ = ready.popitem(last=False)
            if stream.send_queued():
                ready[stream] = None
        self._pumping = False

    def give_credit(self) -> None:
        """Open the connection's window by what was consumed."""
        self.answer(window_update(0, self.credit))
        self.read_allowed += self.credit
        self.credit = 0

    def forget(self, stream: Stream) -> None:
        """A stream ended on both sides."""
        stream.sink = NOBODY
        self.streams.pop(stream.id, None)
        if self.crowded or self.draining:
            self.handler.on_room()

    def ignore(self, number: int) -> None:
        """We reset this stream: what the peer sent before it knew is dropped."""
        ignored = self.ignored
        ignored[number] = None
        if len(ignored) > _IGNORED:
            del ignored[next(iter(ignored))]

    def spend(self, units: int, what: str) -> None:
        """Charge the peer for frames that bring nothing."""
        if not self._budget.spend(units):
            raise ConnectionFault(ENHANCE_YOUR_CALM, what)

    def answer(self, data: bytes) -> None:
        if not self.out:
            self.wake()
        self.out.append(data)

    def end_streams(self, above: int, code: int) -> None:
        for stream in [stream for number, stream in self.streams.items() if number > above]:
            sink = stream.sink
            stream.drop()
            stream.sink = NOBODY
            self.streams.pop(stream.id, None)
            sink.on_reset(stream, code)
