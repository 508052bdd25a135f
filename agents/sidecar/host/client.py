"""The transport side of an HTTP/1 client connection: when it is read, when it is paused, how it is closed.

host/downstream builds the requests on it. Nothing here knows of exchanges.
"""

import asyncio
import socket
import struct
from collections.abc import Iterator
from typing import Any

from agents.sidecar.engine.http1 import Requests
from agents.sidecar.host.host import Host
from agents.sidecar.host.shed import Mark, Standing
from agents.sidecar.state.cells import TcpCell, errno_name

HELD_LIMIT = 64 * 1024  # of pipelined requests, before the client is read no further
LINGER_S = 1.0
_NO_LINGER = struct.pack("ii", 1, 0)


class Client(Requests, asyncio.Protocol):
    """A client's connection. `persistent`: another request may follow; `received`: the current one is here whole."""

    __slots__ = (
        "crowded",
        "flow",
        "host",
        "lost",
        "paused",
        "persistent",
        "received",
        "stuck",
        "ticks",
        "timer",
        "transport",
        "write",
    )

    def __init__(self, host: Host) -> None:
        super().__init__()
        self.host = host
        self.flow: TcpCell | None = None  # where it counts as a connection of its own
        self.transport: Any = None
        self.write: Any = None
        self.persistent = True
        self.received = True
        self.timer: asyncio.TimerHandle | None = None
        self.lost = False
        self.stuck = 0  # bytes that the client was slow to take when it was last said to be slow
        self.paused = 0  # reasons to read no further: upstream is slow, or too much is pipelined
        self.crowded = False
        self.ticks = 0  # sweeps since a head began that has not ended; negative: since the last request ended

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.write = transport.write
        self.host.open.add(self)
        if self.flow is not None:
            self.flow.opening()

    def connection_lost(self, error: BaseException | None) -> None:
        self.lost = True
        self.host.open.discard(self)
        self.host.bounds.waiting -= self.stuck
        if self.flow is not None:
            self.flow.closing(errno_name(error))
        if self.timer is not None:
            self.timer.cancel()

    def drain(self) -> None:
        """Take no further request."""

    def tick(self) -> None:
        """Some seconds have gone by."""

    def standing(self) -> Iterator[tuple[Standing, Mark]]:
        """Yield what waits, if anything does."""
        yield from ()

    def cut(self, why: str) -> None:
        """It stands in the way of others."""
        self.transport.abort()

    def on_surplus(self) -> None:
        if not self.crowded and self.held > HELD_LIMIT:
            self.crowded = True
            self.pause()

    def pause(self) -> None:
        """Upstream is slow: read no more for now."""
        self.paused += 1
        if self.paused == 1 and not self.lost and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume(self) -> None:
        """Upstream has caught up."""
        if self.paused:
            self.paused -= 1
            if not self.paused and not self.lost and not self.transport.is_closing():
                self.transport.resume_reading()

    def half_close(self) -> None:
        """The server of a tunnel will send no more."""
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def close(self) -> None:
        """The tunnel is over."""
        self.transport.close()

    def unpause(self) -> None:
        """Whatever the reasons were, they are over."""
        self.crowded = False
        self.paused = 0
        if not self.lost and not self.transport.is_closing():
            self.transport.resume_reading()

    def hang_up(self) -> None:
        """Close; a client that is still sending is first allowed to read the answer (RFC 9112, 9.6)."""
        self.stop()
        if self.lost:
            return
        if self.received or not self.transport.can_write_eof():
            self.transport.close()
            return
        if self.paused:
            self.paused = 0
            self.transport.resume_reading()
        self.transport.write_eof()
        self.timer = self.host.loop.call_later(LINGER_S, self.transport.close)


def disown(transport: Any) -> None:
    """Have a connection end with a reset: where its end is the body's, a mere end would make half an answer a whole."""
    found = transport.get_extra_info("socket")
    if found is not None and found.family != socket.AF_UNIX:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
