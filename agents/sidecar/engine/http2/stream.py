"""One HTTP/2 stream: what its user may send, and the windows between the user and the connection.

Edges get streams from `Connection.open` or `Handler.on_stream`. The connection's receive loop sets a stream's receiving
side itself; everything that sends is here. Data that does not fit the windows waits in the stream, never in the output.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from .fields import UNTOLD, Section
from .wire import CONTINUATION, END_HEADERS, HEADERS, rst_stream, window_update
from .wire import pack as _pack

if TYPE_CHECKING:
    from .fields import Fields
    from .handler import Sink
    from .session import Session

_join = b"".join
LOW_MARK = 1 << 16  # bytes that may still wait when `on_drained` asks for more
BODYLESS: Final = -2  # as a `length`: content-length speaks of nothing, as in a reply to HEAD


class Queue:
    """What waits for windows: data, then perhaps trailers or the end."""

    __slots__ = ("end", "parts", "size", "trailers")

    def __init__(self) -> None:
        self.parts: deque[bytes | memoryview] = deque()
        self.size = 0
        self.end = False
        self.trailers: Fields | None = None


class Stream:
    """A request and its response, or a byte stream, on a connection."""

    __slots__ = (
        "bound",
        "connection",
        "head",
        "id",
        "length",
        "local_closed",
        "mark",
        "queue",
        "read_bytes",
        "remote_closed",
        "sink",
        "taken",
        "window",
    )

    sink: Sink
    connection: Session

    def __init__(self, connection: Session, id: int) -> None:
        self.connection = connection
        self.id = id
        self.window = connection.peer_window  # what may be sent
        self.bound = connection.stream_window  # how far `read_bytes` may go
        self.mark = connection.stream_mark  # at which value of `taken` the peer is told
        self.read_bytes = 0
        self.taken = 0  # of them, by the sink
        self.length = UNTOLD
        self.head = False  # client role: the reply's head has come
        self.local_closed = False
        self.remote_closed = False
        self.queue: Queue | None = None

    @property
    def queued(self) -> int:
        """Bytes that wait."""
        return self.queue.size if self.queue is not None else 0

    def send_headers(self, headers: Fields, end: bool = False) -> None:
        """A reply's head (server role), informational ones included."""
        if self.local_closed:
            return
        connection = self.connection
        coded = connection.blocks.get(id(headers))
        out = connection.out
        if not out:
            connection.wake()
        if coded is not None:
            _, word, block = coded
            out.append(_pack(word, 5 if end else 4, self.id))
            out.append(block)
        else:
            self._send_new(headers, end)
        if end:
            self.local_closed = True
            if self.remote_closed:
                connection.forget(self)

    def _send_new(self, headers: Fields, end: bool) -> None:
        """A head whose block is not known. What does not fit a frame goes on in others, with nothing in between."""
        connection = self.connection
        if isinstance(headers, Section):
            block = connection.encoder.again(headers)
        else:
            block = _join(map(connection.represent, headers))
        size = connection.peer_frame
        kind, flags = HEADERS, 1 if end else 0
        for start in range(0, len(block) or 1, size):
            part = block[start : start + size]
            if start + size >= len(block):
                flags |= END_HEADERS
            connection.out += (_pack(len(part) << 8 | kind, flags, self.id), part)
            kind, flags = CONTINUATION, 0

    def send_data(self, data: bytes, end: bool = False) -> bool:
        """True when all of it went to the output; False when windows or the transport made it wait (`on_drained`)."""
        connection = self.connection
        size = len(data)
        if (
            size > self.window
            or size > connection.window
            or size > connection.frame_room
            or self.queue is not None
            or self.local_closed
        ):
            return self._enqueue(data, end)
        self.window -= size
        connection.window -= size
        out = connection.out
        if not out:
            connection.wake()
        if end:
            out.append(_pack(size * 256, 1, self.id))
            out.append(data)
            self.local_closed = True
            if self.remote_closed:
                connection.forget(self)
        elif size:
            out.append(_pack(size * 256, 0, self.id))
            out.append(data)
        return True

    def send_trailers(self, headers: Fields) -> None:
        """Closing fields; they follow whatever data still waits."""
        queue = self.queue
        if queue is None:
            self.send_headers(headers, True)
        elif not queue.end:
            queue.trailers = headers
            queue.end = True

    def reset(self, code: int) -> None:
        """End the stream now. Nothing is reported about it afterwards."""
        connection = self.connection
        if self.local_closed and self.remote_closed:
            return
        if connection.role and self.id >= connection.begun:
            connection.unwritten[self.id] = code  # its head is still in the output
        else:
            connection.answer(rst_stream(self.id, code))
        if not self.remote_closed:
            connection.ignore(self.id)
        self.drop()
        connection.forget(self)

    def consumed(self, size: int) -> None:
        """Give the peer `size` bytes of window back."""
        taken = self.taken
        if taken == self.read_bytes:  # it was reset: `drop` has given everything back
            return
        self.taken = taken = taken + size
        connection = self.connection
        connection.credit += size
        if connection.credit >= connection.credit_mark:
            connection.give_credit()
        if taken >= self.mark and not self.remote_closed:
            self._announce()

    def drop(self) -> None:
        """Both sides are over; give the connection its window back, forget what waits."""
        self.local_closed = self.remote_closed = True
        if self.queue is not None:
            self.connection.meter.waiting -= self.queue.size
            self.connection.ready.pop(self, None)
            self.queue = None
        self.consumed(self.read_bytes - self.taken)
        self.mark = 0  # so that the receive loop asks `consumed` of what was not yet taken

    def announced(self) -> int:
        """How many bytes the peer was told to have been taken."""
        return self.mark - self.connection.stream_mark

    def _announce(self) -> None:
        connection = self.connection
        if not connection.out:
            connection.wake()
        size = self.taken - self.announced()
        connection.out.append(window_update(self.id, size))
        self.mark += size
        self.bound = self.announced() + connection.stream_window
        if 0 <= self.length < self.bound:
            self.bound = self.length

    def _enqueue(self, data: bytes, end: bool) -> bool:
        queue = self.queue
        if self.local_closed or (queue is not None and queue.end):
            return True
        connection = self.connection
        if queue is None:
            queue = self.queue = Queue()
            if not data:  # it waits for nothing, even where SETTINGS have put the window below zero
                queue.end = end
                self.send_queued()
                return self.queue is None
            connection.ready[self] = None
        if data:
            queue.parts.append(data)
            queue.size += len(data)
            connection.meter.waiting += len(data)
        queue.end = end
        connection.pump()
        return self.queue is None

    def send_queued(self) -> bool:
        """Send one frame of what waits. True when more could be sent at once."""
        connection = self.connection
        queue = self.queue
        if queue is None:
            return False
        parts = queue.parts
        size = 0
        end = queue.end and queue.trailers is None
        data: bytes | memoryview = b""
        if parts:
            size = min(self.window, connection.window, connection.frame_room)
            if size <= 0:
                return False
            data = parts[0]
            if len(data) > size:
                rest = memoryview(data)  # not a copy: a peer that opens its window by a byte must not cost one
                parts[0] = rest[size:]
                data = rest[:size]
            else:
                parts.popleft()
                size = len(data)
            queue.size -= size
            connection.meter.waiting -= size
            self.window -= size
            connection.window -= size
        last = not parts
        if size or end:
            if not connection.out:
                connection.wake()
            connection.out += (_pack(size << 8, 1 if end and last else 0, self.id), data)
        if last:
            self.queue = None
            sink = self.sink
            if queue.trailers is not None:
                self.send_headers(queue.trailers, True)
            elif end:
                self.local_closed = True
                if self.remote_closed:
                    connection.forget(self)
            sink.on_drained(self)
        elif queue.size + size >= LOW_MARK > queue.size:
            self.sink.on_drained(self)
        return not last and self.queue is not None  # who was told may have reset it
