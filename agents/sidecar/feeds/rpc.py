"""gRPC calls to the control plane, over the sidecar's own HTTP/2 engine.

The gRPC library with its threads weighs more than the rest of an idle sidecar, and what the feeds need of it is small:
a few long streams of small messages on one connection. feeds/uplink makes connections, the feeds make calls.
"""

import asyncio
import re
import ssl
from collections import deque
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from google.protobuf.message import DecodeError, Message

from agents.sidecar.engine.http2.connection import CLIENT, Connection
from agents.sidecar.engine.http2.limits import Limits
from agents.sidecar.engine.http2.stream import Stream
from agents.sidecar.engine.http2.wire import CANCEL, LOST, REFUSED_STREAM
from meshcore.wire.version import VERSION

Fields = list[tuple[bytes, bytes, bool]]
Reply = TypeVar("Reply", bound=Message)

CONNECT_TIMEOUT_S: Final = 3.0
SILENCE_S: Final = 5.0  # then a ping, and after as much again the connection is given up
MAX_MESSAGE: Final = 16 * 1024 * 1024
LIMITS: Final = Limits(stream_window=1 << 20, connection_window=4 << 20)

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


class Line(asyncio.Protocol):
    """One connection to the control plane, and the calls on it."""

    def __init__(self, authority: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._authority = authority.encode()
        self._transport: Any = None
        self._watch: asyncio.TimerHandle | None = None
        self._heard = 0
        self._pinged = False
        self.h2 = Connection(CLIENT, self, LIMITS)

    @property
    def usable(self) -> bool:
        """Tell whether a call may begin."""
        return self._transport is not None and self.h2.room

    def call(self, path: str, reply: type[Reply], timeout_s: float = 0.0) -> "Call[Reply]":
        """Begin a call; its requests follow with `write`. Raises RpcError if the connection has gone."""
        if not self.usable:
            raise RpcError("UNAVAILABLE", "the connection has gone")
        head: Fields = [
            (b":method", b"POST", False),
            (b":scheme", b"https", False),
            (b":path", path.encode(), False),
            (b":authority", self._authority, False),
            (b"te", b"trailers", False),
            (b"content-type", b"application/grpc", False),
            (b"user-agent", f"meshtui/{VERSION}".encode(), False),
        ]
        if timeout_s:
            head.append((b"grpc-timeout", b"%dm" % int(timeout_s * 1000), False))
        made = Call(reply, self._loop)
        made.stream = self.h2.open(head, False, made)
        return made

    async def ask(self, path: str, request: Message, reply: type[Reply], timeout_s: float) -> Reply:
        """Make a call with one request and one reply."""
        try:
            async with asyncio.timeout(timeout_s), self.call(path, reply, timeout_s) as call:
                await call.write(request.SerializeToString(), end=True)
                answer = await anext(call, None)
                if answer is None or await anext(call, None) is not None:
                    raise RpcError("INTERNAL", "not exactly one reply")
                return answer
        except TimeoutError:
            raise RpcError("DEADLINE_EXCEEDED", f"no answer within {timeout_s:g} s") from None

    def close(self) -> None:
        """End the connection; calls that are open fail."""
        if self._transport is not None:
            self.h2.shutdown()
            self._flush()
            self._transport.close()

    # What asyncio calls.

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self.h2.start()
        self._watch = self._loop.call_later(SILENCE_S, self._listen)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._watch is not None:
            self._watch.cancel()
        self.h2.lost()

    def data_received(self, data: bytes) -> None:
        self.h2.receive(data)

    def pause_writing(self) -> None:
        self.h2.block()

    def resume_writing(self) -> None:
        self.h2.unblock()

    # What the engine calls.

    def wake(self) -> None:
        self._loop.call_soon(self._flush)

    def on_stream(self, stream: Stream, headers: Fields, fields: dict[bytes, bytes], end: bool) -> None:
        stream.reset(REFUSED_STREAM)

    def on_hello(self, payload: bytes) -> None:
        """Only sidecars say hello."""

    def on_settings(self) -> None:
        """The engine keeps to them by itself."""

    def on_room(self) -> None:
        """After a GOAWAY: the last stream has ended when none is left."""
        if self.h2.draining and not self.h2.streams and self._transport is not None:
            self._transport.close()

    def on_goaway(self, last: int, code: int) -> None:
        self.on_room()

    def on_failure(self, code: int, reason: str) -> None:
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def _flush(self) -> None:
        data = self.h2.take_output()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _listen(self) -> None:
        """Give up a control plane that neither speaks nor answers: it may be frozen, or the network gone."""
        if self.h2.turn != self._heard:
            self._heard = self.h2.turn
            self._pinged = False
        elif self._pinged:
            self._transport.abort()
            return
        else:
            self._pinged = True
            self.h2.ping()
        self._watch = self._loop.call_later(SILENCE_S, self._listen)


class Call(Generic[Reply]):
    """One call: write requests, iterate over replies. Leaving its block ends it, however far it has come."""

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


def context(anchors_pem: str, path: str = "") -> ssl.SSLContext:
    """Return what a connection is secured with: the control plane's name is checked, `path` holds our certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.load_verify_locations(cadata=anchors_pem)
    made.set_alpn_protocols(["h2"])
    if path:
        made.load_cert_chain(path)
    return made


async def connect(address: str, name: str, secured: ssl.SSLContext) -> Line:
    """Open a connection to `address`, whose certificate must be for `name`. Raises RpcError."""
    host, _, port = address.rpartition(":")
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, line = await loop.create_connection(
                lambda: Line(name), host.strip("[]"), int(port), ssl=secured, server_hostname=name
            )
    except TimeoutError:
        raise RpcError("UNAVAILABLE", f"{address} does not answer") from None
    except ssl.SSLCertVerificationError as error:
        raise RpcError("UNAVAILABLE", f"{address} is not {name}: {error.verify_message}") from None
    except OSError as error:
        raise RpcError("UNAVAILABLE", f"{address}: {error.strerror or error}") from None
    return line
