"""An application that fails in every way, by the last word of a request's path: HTTP/2, HTTP/1 or opaque on one port.

In HTTP/1 it knows `well`, `stall`, `close` and `much`; what is neither gets back what it says, and much for MUCH.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from agents.sidecar.engine.http2 import wire
from agents.sidecar.engine.http2.connection import SERVER
from agents.sidecar.engine.http2.fields import Fields
from agents.sidecar.engine.http2.limits import APPLICATION
from agents.sidecar.engine.http2.stream import Stream
from agents.sidecar.host.h2edge import Edge

OK: Fields = [(b":status", b"200", False), (b"content-type", b"application/grpc", False)]
PIECE = bytes(1 << 18)
MUCH = 1 << 30
DONE: Fields = [(b"grpc-status", b"0", False)]


class Rogue(Edge):
    """One connection of it."""

    open: ClassVar[set[Any]] = set()

    def __init__(self) -> None:
        super().__init__(asyncio.get_running_loop(), SERVER, APPLICATION)
        self.left: dict[Stream, int] = {}  # of what there is much of

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.open.add(self)
        self.h2.start()

    def connection_lost(self, error: BaseException | None) -> None:
        self.open.discard(self)
        super().connection_lost(error)

    def on_stream(self, stream: Stream, headers: Fields, fields: dict[bytes, bytes], end: bool) -> None:
        stream.sink = self  # type: ignore[assignment]
        word = fields[b":path"].rpartition(b"/")[2].decode().replace("-", "_")
        getattr(self, f"do_{word}")(stream)

    def do_well(self, stream: Stream) -> None:
        stream.send_headers(OK)
        stream.send_data(b"well")
        stream.send_trailers(DONE)

    def do_much(self, stream: Stream) -> None:
        """Sends as much as there is to send."""
        stream.send_headers(OK)
        self.left[stream] = MUCH
        self.on_drained(stream)

    def do_twice(self, stream: Stream) -> None:
        self.do_well(stream)
        block = b"\x88"  # :status 200
        self.h2.answer(wire.frame(wire.HEADERS, 5, stream.id, block) + wire.frame(wire.DATA, 1, stream.id, b"more"))

    def do_stall(self, stream: Stream) -> None:
        """Never answers."""

    def do_stall_later(self, stream: Stream) -> None:
        stream.send_headers(OK)

    def do_close(self, stream: Stream) -> None:
        self.transport.close()

    def do_reset(self, stream: Stream) -> None:
        linger = struct.pack("ii", 1, 0)
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.transport.close()

    def do_half(self, stream: Stream) -> None:
        stream.send_headers(OK)
        stream.send_data(b"half of")
        self.flush()
        self.transport.close()

    def do_half_head(self, stream: Stream) -> None:
        self.transport.write(wire.frame(wire.HEADERS, 4, stream.id, bytes(50))[:20])
        self.transport.close()

    def do_garbage(self, stream: Stream) -> None:
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" * 10)

    def do_bad_head(self, stream: Stream) -> None:
        stream.send_headers([(b":status", b"200", False), (b"Upper", b"case", False)], True)

    def do_refuse(self, stream: Stream) -> None:
        stream.reset(wire.REFUSED_STREAM)

    def do_cancel(self, stream: Stream) -> None:
        stream.reset(wire.INTERNAL_ERROR)

    def do_goaway(self, stream: Stream) -> None:
        self.h2.last = 0
        self.h2.shutdown()
        self.flush()
        self.transport.close()

    def do_flood(self, stream: Stream) -> None:
        self.transport.write(wire.frame(wire.PING, 0, 0, bytes(8)) * 10_000)

    def do_no_status(self, stream: Stream) -> None:
        stream.send_headers(OK)
        stream.send_data(b"no status", True)

    def on_data(self, stream: Stream, data: bytes, end: bool) -> None:
        stream.consumed(len(data))

    def on_trailers(self, stream: Stream, headers: Fields) -> None:
        """Nothing depends on them."""

    def on_reset(self, stream: Stream, code: int) -> None:
        """Whoever resets has no need of an answer."""

    def on_drained(self, stream: Stream) -> None:
        while left := self.left.get(stream, 0):
            self.left[stream] = left = left - len(PIECE)
            if not stream.send_data(PIECE, not left):
                break


class Plain(asyncio.Protocol):
    """One connection that speaks HTTP/1 or nothing known."""

    open: ClassVar[set["Plain"]] = set()

    def __init__(self) -> None:
        self.transport: Any = None
        self._held = b""
        self._left = 0
        self._stuck = False
        self.stalled = False  # something was asked that it never answers by itself

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.open.add(self)

    def connection_lost(self, error: BaseException | None) -> None:
        self.open.discard(self)

    def data_received(self, data: bytes) -> None:
        self._held += data
        if self._held[:1] == b"\0":
            self._opaque()
            return
        while b"\r\n\r\n" in self._held:
            head, _, self._held = self._held.partition(b"\r\n\r\n")
            self._answer(head.split(b" ")[1].rpartition(b"/")[2])

    def _opaque(self) -> None:
        if b"MUCH" in self._held:
            self._send(MUCH)
        else:
            self.transport.write(self._held)
        self._held = b""

    def _answer(self, word: bytes) -> None:
        if word == b"much":
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % MUCH)
            self._send(MUCH)
        elif word == b"close":
            self.transport.close()
        elif word == b"stall":
            self.stalled = True
        else:
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell")

    def _send(self, size: int) -> None:
        self._left = size
        self._more()

    def _more(self) -> None:
        while self._left and not self._stuck and not self.transport.is_closing():
            self._left -= len(PIECE)
            self.transport.write(PIECE)

    def pause_writing(self) -> None:
        self._stuck = True

    def resume_writing(self) -> None:
        self._stuck = False
        self._more()


class Application(asyncio.Protocol):
    """A connection that has not said yet what it speaks."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        made: Any = Rogue() if data[:3] == b"PRI" else Plain()
        self.transport.set_protocol(made)
        made.connection_made(self.transport)
        made.data_received(data)


@asynccontextmanager
async def serving(port: int) -> AsyncIterator[None]:
    """Have it listen, and end what is open with it."""
    server = await asyncio.get_running_loop().create_server(Application, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
        for connection in tuple(Rogue.open):
            connection.abort()
        await asyncio.sleep(0.05)
