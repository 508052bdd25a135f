"""The side of HTTP/1 that faces a server: sends one request at a time, reads the response, goes back to its pool.

Made by host/pool, driven by host/downstream. Speaks over any byte stream that behaves as an asyncio transport: plain
TCP, a Unix socket, or a stream on the mesh hop.
"""

import asyncio
import errno
import os
import socket
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any

from agents.sidecar.engine.head import CHUNKED, UNTIL_CLOSE, pairs
from agents.sidecar.engine.headers import ERROR_HEADER
from agents.sidecar.engine.http1 import RefusedError, Request, Response, Responses
from agents.sidecar.engine.reply import UNSENT
from agents.sidecar.host.backlog import backlog
from agents.sidecar.host.dial import FULL
from agents.sidecar.host.hopstream import UncarriedError
from agents.sidecar.state.cells import TcpCell, errno_name

if TYPE_CHECKING:
    from agents.sidecar.engine.exchange import Exchange
    from agents.sidecar.host.downstream import Downstream
    from agents.sidecar.host.hopstream import ByteStream
    from agents.sidecar.host.pool import Pool

REPEATABLE = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"))  # RFC 9110, 9.2.2
ATTEMPTS = 3
_WAITING_LIMIT = 64 * 1024
_REPLAY_LIMIT = 64 * 1024  # of a request, kept until the response begins, for an application that never saw it
_PIECE, _REST = 64 * 1024, 16  # of what a server said before it went: so many times so much at most
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux


class Upstream(Responses, asyncio.Protocol):
    """One connection to an endpoint. `x` is the exchange on it, None while it is idle."""

    __slots__ = (
        "_kept",
        "_lost",
        "_paused",
        "_repeat",
        "_tunnel",
        "_used",
        "_waiting",
        "_waiting_size",
        "down",
        "ended",
        "flow",
        "hop",
        "persistent",
        "pool",
        "since",
        "stuck",
        "transport",
        "write",
        "x",
    )

    def __init__(self, pool: "Pool") -> None:
        super().__init__()
        self.pool = pool
        self.x: Exchange | None = None
        self.down: Downstream | None = None
        self.flow: TcpCell | None = None  # where it counts as a connection of its own
        self.transport: Any = None
        self.hop: ByteStream | None = None  # the transport, where it is a stream of the mesh hop
        self.write: Any = None
        self.since = 0.0  # idle since
        self.persistent = False
        self._waiting: list[bytes] = []  # to be sent once there is a connection
        self._waiting_size = 0
        self._repeat = b""  # the whole request, if it may be sent again on another connection
        self._kept: bytes | bytearray = b""  # on a hop: what has been sent of the request; empty: too much of it
        self._used = False
        self._tunnel = False
        self.ended = False  # the server of a tunnel will send no more
        self._lost = False
        self._paused = False
        self.stuck = 0  # bytes that the server was slow to take when it was last said to be slow

    # What asyncio calls. `data_received` is the reader's own method: one call less per chunk.

    data_received = Responses.receive

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.write = transport.write
        if self.pool.endpoint.meshed:
            self.hop = transport
        if self.flow is not None:
            self.flow.opening()
        if self.down is None:  # the client went away meanwhile, before anything was sent
            transport.close()
            return
        waiting, self._waiting = self._waiting, []
        if waiting:
            data = b"".join(waiting)
            if self.hop is not None and len(data) <= _REPLAY_LIMIT:
                self._kept = data
            transport.write(data)
        if self._waiting_size > _WAITING_LIMIT:
            self.down.resume()
        self._waiting_size = 0

    def eof_received(self) -> bool:
        if self._tunnel and self.down is not None:
            self.ended = True
            self.down.half_close()
            return not self.down.ended  # both have said all they had to say: it is over
        if self.x is None:
            self.pool.forget(self)  # now: connection_lost comes a turn later, and a request may come before it
        self.eof()
        return False

    def connection_lost(self, error: BaseException | None) -> None:
        if self._lost:  # told by the dialer, whose time ran out as it was made
            return
        self._lost = True
        self.pool.open -= 1
        self.pool.host.bounds.waiting -= self.stuck
        if self.flow is not None and self.transport is not None:
            self.flow.closing(errno_name(error))
        if error is not None and self.x is not None and self.transport is not None and not self._tunnel:
            self._read_rest()
        if self.x is None:
            self.pool.forget(self)
            return
        down = self.down
        assert down is not None
        reached = self.transport is not None
        if self._tunnel:
            self._end(perf_counter())
            down.close()
        elif self._lost_before_answer(self.x):
            down.again(self._repeat, self.x, failed=error is not None)
        elif (unsaid := self._unsaid(error)) is not None and down.elsewhere(self.x, unsaid):
            pass
        else:
            self.down = None
            x, self.x = self.x, None
            down.failed(x, reason(error, reached))

    def _read_rest(self) -> None:
        """Read what is still in the socket.

        A server that answers early and closes resets what it is still being sent; the write that fails of it ends a
        transport before the answer was read.
        """
        found = self.transport.get_extra_info("socket")
        if found is None:
            return
        with suppress(OSError):  # the reset itself, behind the last byte
            for _ in range(_REST):
                data = os.read(found.fileno(), _PIECE)
                if not data or self.x is None:
                    break
                self.receive(data)

    def _unsaid(self, error: BaseException | None) -> bytes | None:
        """Return what the endpoint has not heard of the request, if that is all of it."""
        if self.transport is None:
            return b"".join(self._waiting)
        return error.said if isinstance(error, UncarriedError) else None

    def _lost_before_answer(self, x: "Exchange") -> bool:
        """Tell whether a request may be sent once more.

        A kept connection may be closed by the server just as it is used; a hop may go down with the sidecar at its
        end. What failed on a new connection to an application is not tried again: it may be what made it fail.
        """
        if x.replied or not self._repeat or x.attempt >= ATTEMPTS:
            return False
        return self._used or self.pool.endpoint.meshed

    def pause_writing(self) -> None:
        self.stuck = backlog(self.transport)
        self.pool.host.bounds.waiting += self.stuck
        if self.down is not None:
            self.down.pause()

    def resume_writing(self) -> None:
        self.pool.host.bounds.waiting -= self.stuck
        self.stuck = 0
        if self.down is not None:
            self.down.resume()

    # What host/downstream calls.

    def send(self, down: "Downstream", x: "Exchange", head: Request, data: bytes, last: bool) -> None:
        """Send a request: its head and what has come of its body."""
        self.down = down
        self.x = x
        self._method = head.method
        self.busy = False
        if head.edited:
            data = head.forward(down.client_line) + data[head.size :]
        elif down.client_line:
            end = head.size - 2  # before the blank line
            data = data[:end] + down.client_line + data[end:]
        if self.write is None:
            self._waiting.append(data)
            self._waiting_size = len(data)
            return
        self._repeat = data if last and head.method in REPEATABLE else b""
        if self.hop is not None:
            self._kept = data if len(data) <= _REPLAY_LIMIT else b""
        self.write(data)

    def resend(self, down: "Downstream", x: "Exchange", data: bytes) -> None:
        """Send a request again that another connection lost."""
        self.down = down
        self.x = x
        self.expect(x.method)
        self.body(data)
        if self.hop is not None:
            self._kept = data

    def body(self, data: bytes) -> None:
        """Send more of the request's body."""
        self._repeat = b""
        if self.write is not None:
            if self._kept:
                self._keep(data)
            self.write(data)
            return
        self._waiting.append(data)
        self._waiting_size += len(data)
        if self._waiting_size > _WAITING_LIMIT and self.down is not None:
            self.down.pause()

    def abandon(self) -> None:
        """The client is gone: forget the exchange, and the connection with what may still come on it."""
        self.x = None
        self.down = None
        self.stop()
        if self.transport is None:
            return
        if self._tunnel:
            self.transport.close()  # what the client said last is still on its way
        else:
            self.transport.abort()

    def retire(self) -> None:
        """Close an idle connection."""
        self.stop()
        self.transport.close()

    def pause(self) -> None:
        """The client is slow: read no more for now."""
        if self.transport is not None and not self._lost and not self._paused and not self.transport.is_closing():
            self._paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        """The client has caught up."""
        if self._paused and not self._lost and not self.transport.is_closing():
            self._paused = False
            self.transport.resume_reading()

    def half_close(self) -> None:
        """The client of a tunnel will send no more."""
        if self.transport is not None and self.transport.can_write_eof():
            self.transport.write_eof()

    # What the reader calls.

    def on_head(self, head: Response, data: bytes, last: bool) -> None:
        x, down = self.x, self.down
        assert x is not None
        assert down is not None
        if head.status < 200:
            if head.status != 101:
                down.interim(x, head)
                return
            if not down.upgrading:
                raise RefusedError(502, "bad-upgrade")
            self._tunnel = True
        if self._kept:
            kept, self._kept = self._kept, b""
            if head.status >= 500 and head.get(ERROR_HEADER) in UNSENT and down.elsewhere(x, bytes(kept)):
                self.abandon()
                return
        if head.length == CHUNKED and down.old:
            raise RefusedError(502, "bad-framing")  # RFC 9112, 6.1: HTTP/1.0 knows no chunks
        x.replied = perf_counter()
        x.status = head.status
        x.response = head
        x.response_bytes = len(data) - head.size
        self.persistent = head.persistent
        if self._tunnel or (x.method == b"CONNECT" and head.status < 300):
            self._tunnel = True
            down.door.stack.reply(x)
            down.switch(x, head)
            held = self.tunnel()
            if held:
                self.on_body(held, False)
            return
        down.respond(x, head, data, head.length == UNTIL_CLOSE)
        if last:
            self._end(x.replied)
        elif len(data) == head.size and not self.pool.endpoint.meshed:
            acknowledge(self.transport)

    def on_body(self, data: bytes, last: bool) -> None:
        x, down = self.x, self.down
        if x is None or down is None:
            return
        if data:
            x.response_bytes += len(data)
            down.write(data)
        if last:
            if self.trailers:
                x.trailers = pairs(self.trailers)
            self._end(perf_counter())

    def on_refused(self, error: RefusedError) -> None:
        x, down = self.x, self.down
        self.x = self.down = None
        self.transport.abort()
        if x is not None and down is not None:
            down.failed(x, "bad-response" if error.status == 400 else error.reason)

    def on_surplus(self) -> None:
        """Bytes without a request: a server that does this cannot be trusted to keep its answers in order."""
        if self.x is None:
            self.pool.forget(self)
            self.stop()
            self.transport.abort()
        else:
            self.persistent = False

    def _keep(self, data: bytes) -> None:
        """Remember what may have to be said again."""
        if len(self._kept) + len(data) > _REPLAY_LIMIT:
            self._kept = b""
            return
        if isinstance(self._kept, bytes):
            self._kept = bytearray(self._kept)
        self._kept += data

    def _end(self, now: float) -> None:
        """The response is whole: back to the pool, and the client may ask again."""
        x, down = self.x, self.down
        assert x is not None
        assert down is not None
        self.x = self.down = None
        self._used = True
        x.ended = now
        if self.persistent and not self._tunnel and not self._held and down.received:
            self.since = now
            if self._paused:
                self.resume()
            if not self.pool.keep(self):
                self.retire()
        else:
            self.stop()
            if not self._lost:
                self.transport.close()
        down.finish(x)


def acknowledge(transport: Any) -> None:
    """Confirm at once what has come.

    A server that writes its head and its body one after the other, without TCP_NODELAY, holds the body back until the
    head is confirmed; on a kept connection the kernel takes 40 ms over that.
    """
    found = transport.get_extra_info("socket")
    if found is not None and found.family != socket.AF_UNIX and _QUICKACK is not None:
        found.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)


def reason(error: BaseException | None, reached: bool) -> str:
    """Return in one word why a connection ended, or never was."""
    text = str(error) if error is not None else ""
    if isinstance(error, socket.gaierror):
        return "no-such-host"
    if isinstance(error, TimeoutError):  # reached: the kernel gave up on a server that is silent
        return "upstream-silent" if reached else "connect-timeout"
    if isinstance(error, ConnectionRefusedError) or (isinstance(error, OSError) and error.errno == errno.ENOENT):
        return "connect-refused"
    if isinstance(error, OSError) and error.errno in FULL:
        return "out-of-descriptors"
    if not reached:
        return text if text and " " not in text and len(text) < 40 else "connect-failed"
    if isinstance(error, ConnectionResetError):
        return text if error.errno is None and text and " " not in text else "upstream-reset"
    return "upstream-closed"
