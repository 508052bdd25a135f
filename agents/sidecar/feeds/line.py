"""A connection to the control plane: gRPC calls over the sidecar's own HTTP/2 engine, under TLS.

The gRPC library with its threads weighs more than the rest of an idle sidecar, and what the feeds need of it is small:
a few long streams of small messages on one connection. feeds/uplink keeps lines, the feeds make calls on them.
"""

import asyncio
import ssl
from typing import Any, Final

from google.protobuf.message import Message

from agents.sidecar.engine.http2.connection import CLIENT, Connection
from agents.sidecar.engine.http2.limits import Limits
from agents.sidecar.engine.http2.stream import Stream
from agents.sidecar.engine.http2.wire import REFUSED_STREAM
from agents.sidecar.feeds.call import Call, Fields, Reply, RpcError
from meshcore.wire.version import VERSION

CONNECT_TIMEOUT_S: Final = 3.0
SILENCE_S: Final = 5.0  # then a ping, and after as much again the connection is given up
LIMITS: Final = Limits(stream_window=1 << 20, connection_window=4 << 20)


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
        head: list[tuple[bytes, bytes, bool]] = [
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

    def on_oversized(self, stream: Stream, end: bool) -> None:
        stream.reset(REFUSED_STREAM)

    def on_excess(self) -> None:
        """A client is asked for nothing."""

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
