"""One HTTP/2 stream: what its user may send, and the windows between the user and the connection.

Edges get streams from `Connection.open` or `Handler.on_stream`. The connection's receive loop sets a stream's receiving
side itself; everything that sends is here. Data that does not fit the windows waits in the stream, never in the output.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from .wire import CONTINUATION, END_HEADERS, HEADERS, rst_stream, window_update
from .wire import pack as _pack

if TYPE_CHECKING:
    from .connection import Connection
    from .fields import Fields
    from .handler import Sink

LOW_MARK = 1 << 16  # bytes that may still wait when `on_drained` asks for more


class Stream:
    """A request and its response, or a byte stream, on a connection."""

    __slots__ = (
        "bodyless",
        "born",
        "connection",
        "credit",
        "expected",
        "head",
        "id",
        "local_closed",
        "owed",
        "queue",
        "queue_end",
        "queue_trailers",
        "queued",
        "read_bytes",
        "read_window",
        "remote_closed",
        "sent_bytes",
        "sink",
        "window",
    )

    sink: Sink
    connection: Connection

    def __init__(self, connection: Connection, id: int, window: int, read_window: int, born: int) -> None:
        self.connection = connection
        self.id = id
        self.window = window  # what may be sent
        self.read_window = read_window  # what the peer may send
        self.born = born  # the connection's turn, to tell rapid resets
        self.head = False  # the reply's head has come (client role) or gone (server role)
        self.bodyless = False  # answers HEAD: content-length speaks of nothing
        self.local_closed = False
        self.remote_closed = False
        self.expected = -1  # bytes of body still to come by content-length
        self.owed = 0  # bytes handed to the sink and not consumed
        self.credit = 0  # bytes consumed and not yet told to the peer
        self.read_bytes = 0
        self.sent_bytes = 0
        self.queue: deque[bytes | memoryview] | None = None
        self.queued = 0
        self.queue_end = False
        self.queue_trailers: Fields | None = None

    def send_headers(self, headers: Fields, end: bool = False) -> None:
        """A reply's head (server role), informational ones included."""
        if self.local_closed:
            return
        connection = self.connection
        block = connection.encode(headers)
        out = connection.out
        if not out:
            connection.wake()
        self.head = True
        if len(block) <= connection.peer_frame:
            out.append(_pack(len(block) << 8 | HEADERS, 5 if end else 4, self.id))
            out.append(block)
        else:
            _send_long(connection, self.id, block, end)
        if end:
            self.local_closed = True
            if self.remote_closed:
                connection.forget(self)

    def send_data(self, data: bytes, end: bool = False) -> bool:
        """True when all of it went to the output; False when windows or the transport made it wait (`on_drained`)."""
        if self.local_closed or self.queue_end:
            return True
        connection = self.connection
        size = len(data)
        if (
            self.queue is not None
            or size > self.window
            or size > connection.window
            or size > connection.peer_frame
            or connection.blocked
        ):
            return self._enqueue(data, end)
        if not size and not end:
            return True
        self.window -= size
        connection.window -= size
        self.sent_bytes += size
        out = connection.out
        if not out:
            connection.wake()
        out.append(_pack(size << 8, 1 if end else 0, self.id))
        if size:
            out.append(data)
        if end:
            self.local_closed = True
            if self.remote_closed:
                connection.forget(self)
        return True

    def send_trailers(self, headers: Fields) -> None:
        """Closing fields; they follow whatever data still waits."""
        if self.local_closed or self.queue_end:
            return
        if self.queue is not None:
            self.queue_trailers = headers
            self.queue_end = True
        else:
            self.send_headers(headers, True)

    def reset(self, code: int) -> None:
        """End the stream now. Nothing is reported about it afterwards."""
        connection = self.connection
        if self.local_closed and self.remote_closed:
            return
        if not connection.out:
            connection.wake()
        connection.out.append(rst_stream(self.id, code))
        if not self.remote_closed:
            connection.ignore(self.id)
        self.drop()
        connection.forget(self)

    def consumed(self, size: int) -> None:
        """Give the peer `size` bytes of window back."""
        if not self.owed:  # it was reset: `drop` has given everything back
            return
        self.owed -= size
        connection = self.connection
        connection.credit += size
        if connection.credit >= connection.credit_mark:
            connection.give_credit()
        if not self.remote_closed:
            self.credit += size
            if self.credit >= connection.stream_mark:
                if not connection.out:
                    connection.wake()
                connection.out.append(window_update(self.id, self.credit))
                self.read_window += self.credit
                self.credit = 0

    def drop(self) -> None:
        """Both sides are over; give the connection its window back, forget what waits."""
        self.local_closed = self.remote_closed = True
        self.queue = None
        self.queued = 0
        self.queue_end = False
        self.queue_trailers = None
        if self.owed:
            connection = self.connection
            connection.credit += self.owed
            self.owed = 0
            if connection.credit >= connection.credit_mark:
                connection.give_credit()

    def _enqueue(self, data: bytes, end: bool) -> bool:
        connection = self.connection
        if self.queue is None:
            self.queue = deque()
            connection.ready.append(self)
        if data:
            self.queue.append(data)
            self.queued += len(data)
        self.queue_end = end
        connection.pump()
        return self.queue is None

    def send_queued(self) -> bool:
        """Send one frame of what waits. True when more could be sent at once. Called by `Connection.pump` alone."""
        connection = self.connection
        queue = self.queue
        if queue is None:
            return False
        out = connection.out
        more = False
        if queue:
            size = min(self.window, connection.window, connection.peer_frame)
            if size <= 0:
                return False
            data = queue[0]
            if len(data) > size:
                rest = memoryview(
                    data
                )  # not a copy: a peer that opens its window by a byte at a time must not cost one
                queue[0] = rest[size:]
                data = rest[:size]
            else:
                queue.popleft()
                size = len(data)
            self.queued -= size
            self.window -= size
            connection.window -= size
            self.sent_bytes += size
            end = not queue and self.queue_end and self.queue_trailers is None
            if not out:
                connection.wake()
            out.append(_pack(size << 8, 1 if end else 0, self.id))
            out.append(data)
            more = bool(queue)
        elif self.queue_end and self.queue_trailers is None:
            end = True
            if not out:
                connection.wake()
            out.append(_pack(0, 1, self.id))
        else:
            end = False
        if not queue:
            self._queue_empty(end)
        elif self.queued + size >= LOW_MARK > self.queued:
            self.sink.on_drained(self)
        return more

    def _queue_empty(self, end: bool) -> None:
        trailers = self.queue_trailers
        self.queue = None
        self.queue_end = False
        self.queue_trailers = None
        if trailers is not None:
            self.send_headers(trailers, True)
        elif end:
            self.local_closed = True
            if self.remote_closed:
                self.connection.forget(self)
        self.sink.on_drained(self)


def _send_long(connection: Connection, id: int, block: bytes, end: bool) -> None:
    """A head that needs CONTINUATION frames; they follow each other without anything in between."""
    size = connection.peer_frame
    kind, flags = HEADERS, 1 if end else 0
    for start in range(0, len(block), size):
        part = block[start : start + size]
        if start + size >= len(block):
            flags |= END_HEADERS
        connection.out.append(_pack(len(part) << 8 | kind, flags, id))
        connection.out.append(part)
        kind, flags = CONTINUATION, 0
