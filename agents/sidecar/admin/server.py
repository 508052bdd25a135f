"""The admin port: `/live`, `/ready` and `/metrics` over HTTP/1, on loopback.

Small on purpose: it answers probes and scrapers, not browsers. A scrape is rendered between other work and kept for a
moment, so that several scrapers cost as much as one.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from agents.sidecar.admin import metrics
from agents.sidecar.admin.exposition import CONTENT_TYPE
from agents.sidecar.state.runtime import Runtime

MAX_HEAD = 8192
MAX_CONNECTIONS = 64
IDLE_S = 30.0
FRESH_S = 0.5  # a scrape serves those who ask within this time
SLICE_S = 0.002  # the loop turns after so much rendering
_TEXT = b"text/plain; charset=utf-8"
_REASONS = {200: b"OK", 400: b"Bad Request", 404: b"Not Found", 405: b"Method Not Allowed", 503: b"Service Unavailable"}


class Admin:
    """What the admin port answers."""

    def __init__(
        self,
        runtime: Runtime,
        ready: Callable[[], bool],
        uplinks: Callable[[], Collection[str]],
        gather: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._runtime = runtime
        self._ready = ready
        self._uplinks = uplinks
        self._gather = gather  # has the counts of the sidecar's other processes added
        self._scrape: asyncio.Task[bytes] | None = None
        self._scraped = 0.0
        self.connections: set[Connection] = set()

    async def serve(self, listening: socket.socket) -> asyncio.AbstractServer:
        """Begin to answer on a listening socket."""
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: Connection(self, loop), sock=listening)

    def answer(self, path: bytes) -> tuple[int, bytes] | None:
        """Return status and text of a probe; None if the path is not one."""
        if path == b"/live":
            return 200, b"live\n"
        if path == b"/ready":
            if self._runtime.drain.draining:
                return 503, b"draining\n"
            return (200, b"ready\n") if self._ready() else (503, b"not ready\n")
        return None

    def metrics(self) -> "asyncio.Task[bytes]":
        """Return the scrape of now, or the one of a moment ago."""
        loop = asyncio.get_running_loop()
        if self._scrape is None or (self._scrape.done() and loop.time() - self._scraped > FRESH_S):
            self._scrape = loop.create_task(self._render(loop))
        return self._scrape

    def failed(self, error: BaseException | None) -> None:
        """A scrape could not be rendered."""
        self._runtime.log.error("no metrics", exc_info=error)

    async def _render(self, loop: asyncio.AbstractEventLoop) -> bytes:
        if self._gather is not None:
            await self._gather()
        parts: list[str] = []
        until = loop.time() + SLICE_S
        for part in metrics.render(self._runtime, self._uplinks):
            parts.append(part)
            if loop.time() > until:
                await asyncio.sleep(0)
                until = loop.time() + SLICE_S
        self._scraped = loop.time()
        return "".join(parts).encode()


class Connection(asyncio.Protocol):
    """One client: requests one after the other, answers in order."""

    def __init__(self, admin: Admin, loop: asyncio.AbstractEventLoop) -> None:
        self._admin = admin
        self._loop = loop
        self._buffer = b""
        self._transport: Any = None
        self._waiting: asyncio.Task[bytes] | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._full = False  # the client does not keep up with its answers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if len(self._admin.connections) >= MAX_CONNECTIONS:
            self._transport.abort()
            return
        self._admin.connections.add(self)
        self._rest()

    def connection_lost(self, exc: Exception | None) -> None:
        self._admin.connections.discard(self)
        if self._idle is not None:
            self._idle.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._next()
        if len(self._buffer) > MAX_HEAD:
            self._refuse(400)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._next()

    def _rest(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        # Not closed: that would wait for who does not read, and take a place away from those who do.
        self._idle = self._loop.call_later(IDLE_S, self._transport.abort)

    def _next(self) -> None:
        """Answer the requests that have arrived, as long as none has to wait."""
        while self._waiting is None and not self._full and not self._transport.is_closing():
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            self._buffer = rest
            self._rest()
            self._request(head)

    def _request(self, head: bytes) -> None:
        line, _, fields = head.partition(b"\r\n")
        parts = line.split(b" ")
        if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
            self._refuse(400)
            return
        method, target, version = parts
        lower = fields.lower()
        if b"content-length:" in lower or b"transfer-encoding:" in lower:
            self._refuse(400)  # nothing here takes a body
            return
        keep = version == b"HTTP/1.1" and b"connection: close" not in lower
        path = target.partition(b"?")[0]
        if method not in (b"GET", b"HEAD"):
            self._reply(405, b"only GET and HEAD\n", keep=keep)
            return
        bare = method == b"HEAD"
        if path == b"/metrics":
            self._waiting = self._admin.metrics()
            self._waiting.add_done_callback(lambda done: self._scraped(done, bare=bare, keep=keep))
            return
        status, text = self._admin.answer(path) or (404, b"there are /live, /ready and /metrics\n")
        self._reply(status, text, bare=bare, keep=keep)

    def _scraped(self, done: "asyncio.Task[bytes]", *, bare: bool, keep: bool) -> None:
        self._waiting = None
        error = None if done.cancelled() else done.exception()
        if done.cancelled() or error is not None:
            self._admin.failed(error)
            self._transport.abort()
            return
        self._reply(200, done.result(), kind=CONTENT_TYPE, bare=bare, keep=keep)
        self._next()

    def _reply(self, status: int, text: bytes, *, kind: bytes = _TEXT, bare: bool = False, keep: bool) -> None:
        if self._transport.is_closing():
            return
        head = b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\nContent-Length: %d\r\nConnection: %b\r\n\r\n" % (
            status,
            _REASONS[status],
            kind,
            len(text),
            b"keep-alive" if keep else b"close",
        )
        self._transport.write(head if bare else head + text)
        if not keep:
            self._transport.close()

    def _refuse(self, status: int) -> None:
        self._buffer = b""
        self._reply(status, b"this is not a request for here\n", keep=False)
