"""Bytes both ways, not understood: opaque TCP, foreign TLS, CONNECT. Half-close and back-pressure are passed on.

host/arrival makes an Opening per client connection, the mesh hop one per `tcp` stream; it chooses an endpoint, dials
it and joins the two. Counted per connection on the edge's TcpCell.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter
from typing import Any

from agents.sidecar.engine.balance import fail, observe, pick
from agents.sidecar.engine.exchange import OUTBOUND
from agents.sidecar.host.backlog import backlog
from agents.sidecar.host.hopstream import UncarriedError
from agents.sidecar.host.host import HOLD_S, Host
from agents.sidecar.host.shed import Mark, Standing
from agents.sidecar.state.cells import TcpCell, errno_name
from agents.sidecar.state.doors import Door
from agents.sidecar.state.endpoints import Endpoint, EndpointSet
from agents.sidecar.state.peers import TLS_NONE, TLS_OPAQUE, Link

_EARLY_LIMIT = 256 * 1024


class End(asyncio.Protocol):
    """One of the two ends. What it reads, the other writes."""

    def __init__(self, splice: "Splice") -> None:
        self.splice = splice
        self.transport: Any = None
        self.other: End | None = None  # None until both are connected
        self.early: list[bytes] = []
        self.early_eof = False
        self.sent_eof = False
        self.read = 0
        self.stuck = 0  # bytes that it was slow to take when it was last said to be slow
        self._lost = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.splice.connected(self)

    def data_received(self, data: bytes) -> None:
        self.read += len(data)
        self.splice.count(self, len(data))
        other = self.other
        if other is not None:
            other.transport.write(data)
            return
        self.early.append(data)
        if self.read > _EARLY_LIMIT:
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        if self.other is None:
            self.early_eof = True
            return True
        # Once both sides have said their last word nothing more happens on either: closing is up to us.
        return self.other.finish() and not self.sent_eof

    def connection_lost(self, error: BaseException | None) -> None:
        if self._lost:  # told by the dialer, whose time ran out as it was made
            return
        self._lost = True
        self.splice.host.bounds.waiting -= self.stuck
        self.splice.lost(self, error)

    def pause_writing(self) -> None:
        self.stuck = backlog(self.transport)
        self.splice.host.bounds.waiting += self.stuck
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        self.splice.host.bounds.waiting -= self.stuck
        self.stuck = 0
        if self.other is not None:
            self.other.transport.resume_reading()

    def finish(self) -> bool:
        """The other end will send no more: say so, and tell whether this direction may stay open for the rest."""
        if self.sent_eof or not self.transport.can_write_eof():
            return False
        self.sent_eof = True
        self.transport.write_eof()
        return True


class Splice:
    """A client's connection and the one that answers it. `door.target` or `door.endpoint` says where it goes."""

    def __init__(
        self, host: Host, door: Door, link: Link | None, target: EndpointSet | None, tls: bool = False
    ) -> None:
        self.host = host
        self.door = door
        self.near = End(self)
        self.far = End(self)
        self._link = link
        self._tls = tls
        self._target = target
        self._endpoint: Endpoint | None = None
        self._cell: TcpCell | None = None
        self._attempts = 0
        self._began = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._why = ""  # it is cut off

    def connected(self, end: End) -> None:
        """One of the two is there."""
        if end is self.near:
            self.host.open.add(self)
            self._began = perf_counter()
            self._dial()
            return
        if self._closed:
            end.transport.abort()
            return
        near, far = self.near, self.far
        near.other, far.other = far, near
        if self._endpoint is not None and self._target is not None:
            now = perf_counter()
            observe(self._endpoint, now - self._began, now)
        if near.early:
            if near.read > _EARLY_LIMIT:
                near.transport.resume_reading()  # before the write, which may ask for a pause at once
            far.transport.write(b"".join(near.early))
            near.early.clear()
        if near.early_eof:
            far.finish()

    def count(self, end: End, size: int) -> None:
        """Bytes are read from, or written to, the peer: the client of what comes in, the server of what goes out."""
        cell = self._cell
        if cell is None:
            return
        if (end is self.far) == (self.door.direction == OUTBOUND):
            cell.read_bytes += size
        else:
            cell.written_bytes += size

    def lost(self, end: End, error: BaseException | None) -> None:
        """One of the two has gone: so does the other, after what it has still to write."""
        if self._closed:
            return
        if end is self.far and self._unsaid(error) and self._again():
            return
        self._closed = True
        self.host.open.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            if self._target is not None:
                self._target.forget(self._dial)
        if self._endpoint is not None and self._target is not None:
            self._endpoint.inflight -= 1
        if self._cell is not None:
            self._cell.closing(errno_name(error) or self._why)
        other = self.far if end is self.near else self.near
        if other.transport is not None:
            if error is None and end.transport is not None:
                other.transport.close()
            else:
                other.transport.abort()

    def drain(self) -> None:
        """Nothing to say: what is opaque has no moment between two requests. The grace period ends it."""

    def tick(self) -> None:
        """Nothing to hurry."""

    def standing(self) -> Iterator[tuple[Standing, Mark]]:
        """Yield itself if bytes wait on either side."""
        near, far = self.near, self.far
        if near.other is None:
            return
        near_waits, far_waits = near.transport.get_write_buffer_size(), far.transport.get_write_buffer_size()
        if near_waits or far_waits:
            yield self, (far.read - near_waits, near.read - far_waits)

    def cut(self, why: str) -> None:
        """It stands in the way of others."""
        self._why = why
        self.abort()

    def abort(self) -> None:
        """End it now."""
        if self.near.transport is not None:
            self.near.transport.abort()

    def _dial(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closed:
            return
        endpoint = self._choose()
        if endpoint is None:
            target = self._target
            if target is None or target.exists is False:
                self.near.transport.abort()
                return
            target.wait(self._dial)
            self._timer = self.host.loop.call_later(HOLD_S, self._tired)
            return
        self._attempts += 1
        self._endpoint = endpoint
        if self._target is not None:
            endpoint.inflight += 1
        self._open_cell(endpoint)
        self.host.dialer.open(endpoint, b"tcp", self.far)

    def _choose(self) -> Endpoint | None:
        target = self._target
        if target is None:
            return self.door.endpoint
        now = perf_counter()
        target.used = now
        if target.endpoints:
            return pick(target, now, self.host.random)
        return target.fallback if target.exists is False else None

    def _tired(self) -> None:
        self._timer = None
        if self._target is not None:
            self._target.forget(self._dial)
        self.near.transport.abort()

    def _unsaid(self, error: BaseException | None) -> bool:
        """Tell whether the server has heard nothing; what was said to it is then to be said again."""
        if self.far.transport is None:
            return True
        if not isinstance(error, UncarriedError):
            return False
        near = self.near
        near.other = None
        near.early.append(error.said)
        near.early_eof = error.shut
        return True

    def _again(self) -> bool:
        """The endpoint could not be reached: try another one, if there is one."""
        target, failed = self._target, self._endpoint
        if target is None or failed is None or self._attempts >= 3:
            return False
        fail(failed, perf_counter())
        if self.host.elsewhere(target, failed, perf_counter()) is None:
            return False
        failed.inflight -= 1
        if self._cell is not None:
            self._cell.closing("ECONNREFUSED")
            self._cell = None
        self._endpoint = None
        self.far = End(self)
        self.near.transport.resume_reading()  # nobody else will, if the one that is gone was slow
        self._dial()
        return True

    def _open_cell(self, endpoint: Endpoint) -> None:
        link = self._link or endpoint.link
        peer = link.peer
        if self._tls and peer.tls == TLS_NONE:
            link = Link(replace(peer, tls=TLS_OPAQUE, no_tls_reason=""), link.service)
        cell = self.host.flow(self.door.direction, link)
        self._cell = cell
        cell.opening()
