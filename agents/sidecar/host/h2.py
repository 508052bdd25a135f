"""HTTP/2 as a server: what clients' connections, and those of other sidecars, have in common.

host/serve makes a `Served` for a plain client that speaks HTTP/2 with prior knowledge; host/hop builds the mesh's own
connections on it. Each request becomes an Exchange, runs through the door's stack, gets a Relay; none gets a task.
"""

from collections.abc import Callable, Iterator
from functools import partial
from time import perf_counter
from typing import Any, cast

from agents.sidecar.engine.exchange import GRPC, HTTP2, OUTBOUND, Exchange
from agents.sidecar.engine.http2.connection import SERVER
from agents.sidecar.engine.http2.fields import Fields, Section
from agents.sidecar.engine.http2.limits import Limits
from agents.sidecar.engine.http2.stream import Stream
from agents.sidecar.engine.http2.wire import ENHANCE_YOUR_CALM
from agents.sidecar.engine.stack import Reply
from agents.sidecar.host.backlog import backlog
from agents.sidecar.host.h2edge import Edge
from agents.sidecar.host.h2fleet import Carriers, Fleet
from agents.sidecar.host.h2relay import Relay
from agents.sidecar.host.host import HEAD_TICKS, IDLE_TICKS, Host
from agents.sidecar.host.shed import Mark, Standing
from agents.sidecar.host.violation import SRC, report
from agents.sidecar.state.bounds import STREAMS
from agents.sidecar.state.cells import TcpCell, errno_name
from agents.sidecar.state.doors import Door
from agents.sidecar.state.endpoints import Endpoint
from agents.sidecar.state.peers import Link, Peer

FAREWELL_S = 1.0  # for a client that has said that it leaves
# A request's protocol, method, scheme, authority, authority to show, path, and what it is to carry (extended CONNECT).
Asked = tuple[int, bytes, bytes, bytes, bytes, bytes, bytes | None]
UNREAD_LIMIT = 256 * 1024  # bytes that no window bounds: heads and acknowledgements
GOODBYE_S = 0.5  # between the announcement and the last word, so that requests on their way are not refused


class Served(Edge):
    """A connection that requests come on."""

    def __init__(
        self,
        host: Host,
        fleet: Fleet,
        door: Door,
        client: Peer,
        link: Link | None,
        limits: Limits | None = None,
    ) -> None:
        super().__init__(host.loop, SERVER, limits or host.limits)
        self.h2.meter = host.bounds
        self.h2.heads.digest = self._asked
        self.host = host
        self.fleet = fleet
        self.door = door
        self.client = client
        self.link = link  # inbound: the edge from the client
        self.number = next(host.numbers)
        self.stack_head = door.stack.head
        self.stack_reply = door.stack.reply
        self.stack_end = door.stack.end
        self._outbound = door.direction == OUTBOUND
        self._leaving = False
        self._idle = 0  # sweeps without a stream or a word
        self._turn = 0
        self._heads = 0  # sweeps with the first SETTINGS, or the rest of a head, still to come
        self.flow: TcpCell | None = None  # where it counts as a connection
        self._unread = 0  # what the client did not take when it was last read no further; 0: it is read

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.host.open.add(self)
        if self.flow is not None:
            self.flow.opening()
        self.h2.start()
        if self.host.draining:
            self.drain()  # its handshake was under way when the others were told

    def connection_lost(self, error: BaseException | None) -> None:
        self.host.open.discard(self)
        if self.flow is not None:
            self.flow.closing(errno_name(error))
        self.host.bounds.waiting -= self._unread
        self._unread = 0
        super().connection_lost(error)

    def pause_writing(self) -> None:
        super().pause_writing()
        if not self.h2.closed:
            self.h2.wake = cast(Callable[[], None], partial(self.loop.call_soon, self._flush_full))

    def resume_writing(self) -> None:
        if not self.h2.closed:
            self.h2.wake = cast(Callable[[], None], partial(self.loop.call_soon, self.flush))
        if self._unread:
            self.host.bounds.waiting -= self._unread
            self._unread = 0
            self.transport.resume_reading()
        super().resume_writing()

    def _asked(self, fields: dict[bytes, bytes]) -> Asked:
        """Return what exchanges and hops want to know of a request's fields: once for all requests that come alike."""
        authority = fields.get(b":authority") or fields.get(b"host", b"")
        door = self.door
        return (
            GRPC if fields.get(b"content-type", b"").startswith(b"application/grpc") else HTTP2,
            fields[b":method"],
            fields.get(b":scheme", b"http"),
            authority,
            door.shown.get(authority) or door.show(authority),
            fields.get(b":path", b""),
            fields.get(b":protocol"),
        )

    def on_stream(self, stream: Stream, headers: Fields, fields: Asked, end: bool) -> None:
        door = self.door
        protocol, method, scheme, authority, shown, path, _ = fields
        x = Exchange(door.direction, protocol, self.client, perf_counter())
        x.connection = self.number
        x.stream = stream.id
        x.method = method
        x.scheme = scheme
        x.authority = shown
        x.path = path
        x.request = headers if isinstance(headers, Section) else Section(headers)
        x.service = door.service
        x.port = door.port
        relay = stream.sink = Relay(self, stream, x, headers, end)
        if self._outbound:
            x.resume = relay.go_on
            x.target = door.target or self.host.target(authority)
        else:
            x.link = self.link
            x.endpoint = door.endpoint
        verdict = self.stack_head(x)
        if verdict is None and not x.deadline and method != b"HEAD":
            # The way that nearly every request goes; `Relay.begin` knows all the others.
            carriers = x.endpoint.carriers  # type: ignore[union-attr]
            if carriers is not None:
                connection = carriers.current
                if (
                    connection is not None
                    and len(connection.streams) < connection.peer_streams
                    and not connection.draining
                ):
                    relay.up = connection.open(headers, end, relay)
                    return
        relay.begin(verdict)

    def on_oversized(self, stream: Stream, end: bool) -> None:
        door = self.door
        x = Exchange(door.direction, HTTP2, self.client, perf_counter())
        x.connection = self.number
        x.stream = stream.id
        x.service = door.service
        x.port = door.port
        x.link = self.link or (door.target.link if door.target is not None else None)
        self.host.runtime.counters.inflight += 1  # its head passes no stage, its end does
        relay = stream.sink = Relay(self, stream, x, [], end)
        relay.begin(Reply(431, "head-too-long"))

    def on_excess(self) -> None:
        host = self.host
        host.bounds.refused[STREAMS] += 1
        text = "%s has opened more than its %d streams at once, and those above are refused (max_streams)"
        host.say("streams", text, self.client.address, self.h2.limits.streams)

    def carriers(self, endpoint: Endpoint) -> Carriers:
        """Return the connections to an endpoint that has none yet."""
        return self.fleet.to(endpoint)

    def tick(self) -> None:
        """Some seconds have gone by: nobody keeps a connection that is over the limit, or that is of no use to them."""
        h2 = self.h2
        self._heads = self._heads + 1 if h2.expect else 0
        if self._heads > HEAD_TICKS:
            h2.fail(ENHANCE_YOUR_CALM, "a head without end")
        elif h2.streams or h2.turn != self._turn:
            self._turn = h2.turn
            self._idle = 0
        else:
            self._idle += 1
            if self._idle > IDLE_TICKS or self.door.shut:
                self.drain()

    def standing(self) -> Iterator[tuple[Standing, Mark]]:
        """Yield the requests with bytes that wait; byte streams of the hop speak for themselves."""
        if self._unread:
            yield self, (self.transport.get_write_buffer_size(),)
        for stream in self.h2.streams.values():
            sink = stream.sink
            if isinstance(sink, Relay):
                mark = sink.mark()
                if mark:
                    yield sink, mark

    def on_goaway(self, last: int, code: int) -> None:
        # It closes by itself after this. Closing under what it still says would reset what it has not yet read.
        self.loop.call_later(FAREWELL_S, self.on_room)

    def on_failure(self, code: int, reason: str) -> None:
        report(self.host.runtime, self.door.direction, SRC, self.client, code, reason)
        super().on_failure(code, reason)

    def drain(self) -> None:
        """Take no further request, let the open ones end; the client is told before it is refused."""
        if not self._leaving:
            self._leaving = True
            self.h2.shutdown(final=False)
            self.loop.call_later(GOODBYE_S, self._goodbye)

    def cut(self, why: str) -> None:
        """End its requests for this reason, then the connection; byte streams of the hop are cut as what they carry."""
        for stream in tuple(self.h2.streams.values()):
            sink = stream.sink
            if isinstance(sink, Relay):
                sink.cut(why)
        self.loop.call_soon(self.abort if self._unread else self.close)  # what waits for nobody would never be written

    def _flush_full(self) -> None:
        """Write although the client has not taken what was written: who asks and never reads is heard no further."""
        self.flush()
        if self._write is None or self._unread or self.transport.is_closing():
            return
        size = backlog(self.transport)
        if size > UNREAD_LIMIT:
            self._unread = size
            self.host.bounds.waiting += size
            self.transport.pause_reading()

    def _goodbye(self) -> None:
        self.h2.shutdown()
        self.on_room()
