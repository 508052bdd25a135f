"""One gRPC call over the sidecar's own HTTP/2 engine: write requests, iterate over replies, end with a status.

feeds/line makes calls, the feeds use them. No compression, no metadata: the control plane asks for neither.
"""

import asyncio
import re
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Generic, Self, TypeVar

from google.protobuf.message import DecodeError, Message

from agents.sidecar.engine.http2.stream import Stream
from agents.sidecar.engine.http2.wire import CANCEL, LOST, REFUSED_STREAM

Fields = Sequence[tuple[bytes, bytes, bool]]
Reply = TypeVar("Reply", bound=Message)

MAX_MESSAGE: Final = 16 * 1024 * 1024
CODES: Final = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")


class RpcError(Exception):
    """A call that did not end well; `code` is one of CODES."""

    def __init__(self, code: str, details: str) -> None:
        super().__init__(f"{code}: {details}" if details else code)
        self.code = code
        self.details = details


class Call(Generic[Reply]):
    """The call. Leaving its block ends it, however far it has come."""

    stream: Stream

    def __init__(self, reply: type[Reply], loop: asyncio.AbstractEventLoop) -> None:
        self._reply = reply
        self._loop = loop
        self._buffer = bytearray()
        self._replies: deque[Reply] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._error: RpcError | None = None
        self._ended = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()

    def cancel(self) -> None:
        """End the call now, if it has not ended."""
        if not self._ended:
            self.stream.reset(CANCEL)
            self._end(RpcError("CANCELLED", "on this side"))

    async def write(self, message: bytes, *, end: bool = False) -> None:
        """Send one serialised request; waits while the control plane does not keep up."""
        if self._ended:
            raise self._error or RpcError("CANCELLED", "the call has ended")
        if not self.stream.send_data(b"\0" + len(message).to_bytes(4, "big") + message, end):
            self._writer = self._loop.create_future()
            try:
                await self._writer
            finally:
                self._writer = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Reply:
        while not self._replies:
            if self._error is not None:
                raise self._error
            if self._ended:
                raise StopAsyncIteration
            self._reader = self._loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._replies.popleft()

    # What the engine calls.

    def on_headers(self, stream: Stream, headers: Fields, status: int, end: bool) -> None:
        if status < 200:
            return
        if status != 200:
            self._break("UNAVAILABLE", f"HTTP status {status}")
        elif end:
            self._close(headers)

    def on_data(self, stream: Stream, data: bytes, end: bool) -> None:
        stream.consumed(len(data))
        buffer = self._buffer
        buffer += data
        while len(buffer) >= 5:
            size = int.from_bytes(buffer[1:5], "big")
            if buffer[0] or size > MAX_MESSAGE:
                self._break("RESOURCE_EXHAUSTED", f"a message of {size} bytes, or a compressed one")
                return
            if len(buffer) < 5 + size:
                break
            try:
                self._replies.append(self._reply.FromString(bytes(buffer[5 : 5 + size])))
            except DecodeError:
                self._break("INTERNAL", "a message that cannot be read")
                return
            del buffer[: 5 + size]
        if end:
            self._end(RpcError("INTERNAL", "a stream without a status"))
        elif self._replies:
            _wake(self._reader)

    def on_trailers(self, stream: Stream, headers: Fields) -> None:
        self._close(headers)

    def on_reset(self, stream: Stream, code: int) -> None:
        lost = code in (LOST, REFUSED_STREAM)
        self._end(RpcError("UNAVAILABLE", "the connection was lost") if lost else RpcError("UNKNOWN", f"reset, {code}"))

    def on_drained(self, stream: Stream) -> None:
        _wake(self._writer)

    def _close(self, headers: Fields) -> None:
        fields = {name: value for name, value, _ in headers}
        status = fields.get(b"grpc-status", b"")
        known = status.isdigit() and int(status) < len(CODES)
        code = CODES[int(status)] if known else "UNKNOWN"
        details = _ESCAPE.sub(lambda match: bytes.fromhex(match[1].decode()), fields.get(b"grpc-message", b""))
        if not self.stream.local_closed:
            self.stream.reset(CANCEL)  # RFC 9113, 8.1: it has answered, and reads no further
        self._end(None if code == "OK" else RpcError(code, details.decode(errors="replace")))

    def _break(self, code: str, details: str) -> None:
        self.stream.reset(CANCEL)
        self._end(RpcError(code, details))

    def _end(self, error: RpcError | None) -> None:
        if not self._ended:
            self._ended = True
            self._error = error
            _wake(self._reader)
            _wake(self._writer)


def _wake(waiting: "asyncio.Future[None] | None") -> None:
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
