"""Where an HTTP/2 connection of the engine meets a transport: reads go in, one write per loop turn comes out.

The accepting side (host/h2) and the dialling side (host/h2carrier) build on it. Back-pressure: a full transport holds
DATA back in the streams; reading never pauses, windows see to that.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from agents.sidecar.engine.http2.connection import Connection
from agents.sidecar.engine.http2.fields import Fields
from agents.sidecar.engine.http2.limits import Limits
from agents.sidecar.engine.http2.stream import Stream


class Edge(asyncio.Protocol):
    """A connection and its transport. What is not overridden of the Handler is nobody's concern."""

    data_received: Callable[[bytes], None]  # type: ignore[assignment]

    def __init__(self, loop: asyncio.AbstractEventLoop, role: int, limits: Limits) -> None:
        self.loop = loop
        self.transport: Any = None
        self.h2 = Connection(role, self, limits)
        self.data_received = self.h2.receive  # the engine's own: one call less per read
        self.h2.wake = cast(Callable[[], None], partial(loop.call_soon, self.flush))
        self._write: Callable[[bytes], None] | None = None

    # What asyncio calls.

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._write = transport.write

    def eof_received(self) -> bool:
        return False  # HTTP/2 has no half-closed connections

    def connection_lost(self, error: BaseException | None) -> None:
        self._write = None
        self.h2.lost()

    def pause_writing(self) -> None:
        self.h2.block()

    def resume_writing(self) -> None:
        self.h2.unblock()

    # What the engine calls.

    def wake(self) -> None:
        """Have it flushed at the end of this turn; the engine calls `call_soon` itself."""
        self.loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write everything that this turn brought."""
        data = self.h2.take_output()
        if data and self._write is not None:
            self._write(data)

    def on_stream(self, stream: Stream, headers: Fields, fields: Any, end: bool) -> None:
        """A server's concern."""

    def on_oversized(self, stream: Stream, end: bool) -> None:
        """A server's concern."""

    def on_excess(self) -> None:
        """A server's concern."""

    def on_hello(self, payload: bytes) -> None:
        """A mesh connection's concern."""

    def on_settings(self) -> None:
        """A client's concern."""

    def on_room(self) -> None:
        """A stream ended: the last one of a connection that is on its way out ends that, too."""
        if self.h2.draining and not self.h2.streams:
            self.close()

    def on_goaway(self, last: int, code: int) -> None:
        self.on_room()

    def on_failure(self, code: int, reason: str) -> None:
        self.close()

    def close(self) -> None:
        """Write what is left and close."""
        if self._write is not None:
            self.flush()
            self._write = None
            self.transport.close()

    def abort(self) -> None:
        """End it now."""
        if self.transport is not None:
            self.transport.abort()
