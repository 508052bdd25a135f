"""The side of HTTP/1 that faces a client: reads requests, runs the stack, hands them to an upstream, writes responses.

host/arrival makes one per connection that speaks HTTP/1, the mesh hop one per `http/1.1` stream. Requests are answered
in order, one at a time. Nothing is created per request but the head and its Exchange.
"""

from collections.abc import Iterator
from time import perf_counter

from agents.sidecar.engine.balance import fail
from agents.sidecar.engine.exchange import HTTP1, OUTBOUND, Exchange
from agents.sidecar.engine.headers import client_line
from agents.sidecar.engine.http1 import UNTIL_CLOSE, RefusedError, Request, Requests, Response
from agents.sidecar.engine.reply import refusal, render
from agents.sidecar.engine.stack import HOLD, Reply, Verdict
from agents.sidecar.host.backlog import backlog
from agents.sidecar.host.client import Client, disown
from agents.sidecar.host.host import HEAD_TICKS, HOLD_S, IDLE_TICKS, Host
from agents.sidecar.host.pool import Pool
from agents.sidecar.host.shed import Mark, Standing
from agents.sidecar.host.upstream import ATTEMPTS, REPEATABLE, Upstream
from agents.sidecar.state.doors import Door
from agents.sidecar.state.peers import Link, Peer

# A server closes connections that are idle, and a request that meets this on the way is lost. What may be repeated is;
# for the rest, a connection that was used a moment ago is taken, or a new one.
FRESH_S = 2.0


class Downstream(Client):
    """One client connection. `x` is the request in progress; `received`: all of its body is here."""

    __slots__ = (
        "_asked",
        "_held_body",
        "_holding",
        "_outbound",
        "_request",
        "_stack_end",
        "_stack_head",
        "_stack_reply",
        "client",
        "client_line",
        "door",
        "ended",
        "link",
        "number",
        "requests",
        "switched",
        "up",
        "upgrading",
        "x",
    )

    def __init__(self, host: Host, door: Door, client: Peer, link: Link | None) -> None:
        super().__init__(host)
        self.door = door
        self.client = client
        self.link = link  # inbound: the edge from the client
        self.number = next(host.numbers)
        self.requests = 0
        self._asked = 0  # requests at the last sweep
        self.x: Exchange | None = None
        self.up: Upstream | None = None
        self.upgrading = False
        self.switched = False
        self.ended = False  # the client will send no more
        self._request: Request | None = None
        self._held_body: list[bytes] = []  # came while the request was held
        self._holding = False
        self._stack_head = door.stack.head
        self._stack_reply = door.stack.reply
        self._stack_end = door.stack.end
        self._outbound = door.direction == OUTBOUND
        self.client_line = b"" if self._outbound else client_line(client)  # for the application

    # What asyncio calls. `data_received` is the reader's own method: one call less per chunk.

    data_received = Requests.receive

    def eof_received(self) -> bool:
        up = self.up
        if self.switched and up is not None:
            self.ended = True
            up.half_close()
            return not up.ended  # both have said all they had to say: it is over
        if self.x is None:
            return False
        if not self.received:
            return False  # the request was cut short
        self.ended = True
        if not self._held:
            self.persistent = False
        return True

    def connection_lost(self, error: BaseException | None) -> None:
        super().connection_lost(error)
        x, up = self.x, self.up
        self.x = self.up = None
        if x is None:
            return
        if up is not None:
            up.abandon()
        if not self.switched:
            x.error = "client-closed"
        self._over(x)

    def pause_writing(self) -> None:
        self.stuck = backlog(self.transport)
        self.host.bounds.waiting += self.stuck
        if self.up is not None:
            self.up.pause()

    def resume_writing(self) -> None:
        self.host.bounds.waiting -= self.stuck
        self.stuck = 0
        if self.up is not None:
            self.up.resume()

    # What the reader calls.

    def on_head(self, head: Request, data: bytes, last: bool) -> None:
        door = self.door
        x = Exchange(door.direction, HTTP1, self.client, perf_counter())
        self.requests = x.stream = self.requests + 1
        x.connection = self.number
        x.method = head.method
        x.scheme = head.scheme
        x.authority = door.shown.get(head.authority) or door.show(head.authority)
        x.path = head.path
        x.request = head
        x.request_bytes = len(data) - head.size
        x.service = door.service
        x.port = door.port
        self.x = x
        self.received = last
        self._request = head
        self.persistent = head.persistent and not self.host.draining
        if head.upgrade:
            self.upgrading = b"upgrade" in head.connection and head.minor == 1
        if self._outbound:
            x.target = door.target or self.host.target(head.authority)
        else:
            x.link = self.link
            x.endpoint = door.endpoint
        verdict = self._stack_head(x)
        if verdict is None:
            pool = x.endpoint.pool or self._pool(x)  # type: ignore[union-attr]
            idle = pool.idle
            if idle and (head.method in REPEATABLE or x.started - idle[-1].since < FRESH_S):
                self.up = up = pool.take(self)
            else:
                self.up = up = pool.connect(self)
            up.send(self, x, head, data, last)
            if x.deadline:
                self._watch(x)
        else:
            self._held_body.append(data)
            self._decide(x, verdict)

    def on_body(self, data: bytes, last: bool) -> None:
        x = self.x
        if x is None:
            return
        x.request_bytes += len(data)
        if last:
            self.received = True
        if self.up is not None:
            self.up.body(data)
        elif self._holding:
            self._held_body.append(data)

    def on_refused(self, error: RefusedError) -> None:
        x = self.x
        if x is None:
            x = self._unread(error.reason)
        elif self.up is not None:
            self.up.abandon()
            self.up = None
        self.persistent = False
        self.received = False
        if x.replied:  # a second head would be read as more of the body that has begun
            self.failed(x, error.reason)
        else:
            self.answer(x, Reply(error.status, error.reason))

    # What the upstream calls.

    @property
    def old(self) -> bool:
        """Tell whether the request was one of HTTP/1.0."""
        return self._request is not None and self._request.minor == 0

    def respond(self, x: Exchange, head: Response, data: bytes, until_close: bool) -> None:
        """The response begins."""
        self._stack_reply(x)
        request = self._request
        assert request is not None
        if until_close or not self.received:
            self.persistent = False
        if head.edited or not self.persistent or head.minor == 0 or request.minor == 0:
            data = head.forward(request.minor, not self.persistent, self._trusting(x)) + data[head.size :]
        self.write(data)

    def interim(self, x: Exchange, head: Response) -> None:
        """A 1xx response on the way; HTTP/1.0 has no such thing (RFC 9110, 15.2)."""
        if self._request is not None and self._request.minor:
            self.write(head.forward(1, False, self._trusting(x)))

    def switch(self, x: Exchange, head: Response) -> None:
        """Both ends have agreed to speak something else."""
        self.switched = True
        self.write(head.forward(1, False, self._trusting(x)))
        held = self.tunnel()
        if held:
            self.on_body(held, False)
        if self.ended and self.up is not None:
            self.up.half_close()

    def finish(self, x: Exchange) -> None:
        """The response is whole."""
        self.x = self.up = None
        self.upgrading = False
        self._stack_end(x)
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.persistent:
            if self.paused:
                self.unpause()
            self.busy = False
            if self._held:
                self._follow(x)
        else:
            self.hang_up()

    def _follow(self, done: Exchange) -> None:
        """Go on with what has come behind a request."""
        if done.method == b"CONNECT":
            self.hang_up()  # it was meant for the tunnel that was refused, and must not be read as requests
            return
        self._advance()
        if not self.ended or self._running:
            return
        # The client sends no more: what was pipelined whole is answered, what was cut short is not.
        if self.x is None or not self.received:
            self.transport.close()
        elif not self._held:
            self.persistent = False

    def failed(self, x: Exchange, error: str) -> None:
        """There will be no response, or no more of it."""
        self.up = None
        x.error = error
        if x.replied:
            x.ended = perf_counter()
            self.x = None
            self._stack_end(x)
            if isinstance(x.response, Response) and x.response.length == UNTIL_CLOSE:
                disown(self.transport)
            self.transport.abort()  # the only way to tell a client that what it got is not all
            return
        self.answer(x, refusal(error))

    def again(self, data: bytes, x: Exchange, failed: bool) -> None:
        """A connection was lost under the request: send it again, `failed`: to another endpoint if there is one."""
        if failed and self.elsewhere(x, data):
            return
        x.attempt += 1
        pool = self._pool(x)
        self._resend(pool.connect(self), x, data)

    def elsewhere(self, x: Exchange, data: bytes) -> bool:
        """An endpoint could not be reached, and nothing was sent: try another. False: there is none."""
        if x.attempt >= ATTEMPTS or x.endpoint is None:
            return False
        other = self.host.elsewhere(x.target, x.endpoint, perf_counter())
        if other is None:
            return False
        fail(x.endpoint, perf_counter())
        x.attempt += 1
        x.endpoint.inflight -= 1
        other.inflight += 1
        x.endpoint = other
        x.server = other.peer
        x.link = other.link
        pool = self._pool(x)
        self._resend(pool.take(self), x, data)
        return True

    def _resend(self, up: Upstream, x: Exchange, data: bytes) -> None:
        """Send a request on another connection. Whether the last one was slow is of no more concern."""
        if self.paused:
            self.unpause()
        self.up = up
        up.resend(self, x, data)

    # What the stages, the clock and the drain call.

    def go_on(self) -> None:
        """A held exchange may go on."""
        x = self.x
        if x is None or not self._holding:
            return
        self._decide(x, self._stack_head(x))

    def drain(self) -> None:
        """Take no further request: close now if there is none, else after the one in progress."""
        self.persistent = False
        if self.x is None and not self.lost:
            self.transport.close()

    def tick(self) -> None:
        """Some seconds have gone by: neither a head that never ends nor a client without a wish is kept for ever."""
        if self.requests != self._asked:
            self._asked = self.requests
            self.ticks = 0
        if self.x is not None or self.busy:
            self.ticks = 0
        elif self.held:
            self.ticks = max(0, self.ticks) + 1
            if self.ticks > HEAD_TICKS:
                self.stop()
                self.on_refused(RefusedError(408, "head-timeout"))
        else:
            self.ticks = min(0, self.ticks) - 1
            if self.ticks < -IDLE_TICKS:
                self.transport.close()

    def standing(self) -> Iterator[tuple[Standing, Mark]]:
        x, up = self.x, self.up
        down_waits = self.transport.get_write_buffer_size() if not self.lost else 0
        up_waits = up.transport.get_write_buffer_size() if up is not None and up.write is not None else 0
        if down_waits or up_waits:
            got, sent = (x.response_bytes, x.request_bytes) if x is not None else (0, 0)
            yield self, (self.requests, got - down_waits, sent - up_waits)

    def cut(self, why: str) -> None:
        x, up = self.x, self.up
        if x is None:
            super().cut(why)
            return
        self._holding = False
        if up is not None:
            up.abandon()
        self.failed(x, why)

    # How it is done.

    def _decide(self, x: Exchange, verdict: Verdict) -> None:
        if verdict is HOLD:
            if not self._holding:
                self._holding = True
                x.resume = self.go_on
                self.pause()
                self.timer = self.host.loop.call_later(HOLD_S, self._tired)
            return
        if self._holding:
            self._holding = False
            self._unhold()
        if isinstance(verdict, Reply):
            self.answer(x, verdict)
            return
        head, body = self._request, b"".join(self._held_body)
        self._held_body.clear()
        assert head is not None
        pool = self._pool(x)
        self.up = pool.take(self)
        self.up.send(self, x, head, body, self.received)
        if x.deadline:
            self._watch(x)

    def _trusting(self, x: Exchange) -> bool:
        """Tell whether a sidecar answers, whose word about the mesh is passed on: not an application."""
        return self._outbound and x.endpoint is not None and x.endpoint.meshed

    def _unhold(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.resume()

    def _tired(self) -> None:
        """Nobody has told a held exchange to go on in time."""
        self.timer = None
        if self.x is not None and self._holding:
            self._holding = False
            self.resume()
            target = self.x.target
            unknown = target is not None and target.exists is None
            self.answer(self.x, refusal("discovery-timeout" if unknown else "no-endpoints"))

    def _watch(self, x: Exchange) -> None:
        self.timer = self.host.loop.call_later(max(0.0, x.deadline - perf_counter()), self._late)

    def _late(self) -> None:
        """The request's time is over."""
        self.timer = None
        x, up = self.x, self.up
        if x is None:
            return
        if up is not None:
            up.abandon()
        self.failed(x, "timeout")

    def _pool(self, x: Exchange) -> Pool:
        endpoint = x.endpoint
        assert endpoint is not None
        pool: Pool | None = endpoint.pool
        if pool is None:
            pool = endpoint.pool = Pool(self.host, endpoint)
        return pool

    def answer(self, x: Exchange, reply: Reply) -> None:
        """Answer in the server's stead."""
        head = self._request
        self._held_body.clear()
        x.error = reply.error
        x.status = reply.status
        x.replied = perf_counter()
        self._stack_reply(x)
        if not self.received or self.host.draining or reply.close:
            self.persistent = False
        close = not self.persistent or (head is not None and head.minor == 0)
        self.persistent = not close
        self.write(render(reply, close, head is not None and head.method == b"HEAD"))
        x.ended = perf_counter()
        self.finish(x)

    def _unread(self, reason: str) -> Exchange:
        """Return an exchange for what could not be read as a request, so that it is counted."""
        x = Exchange(self.door.direction, HTTP1, self.client, perf_counter())
        self.requests += 1
        x.connection = self.number
        x.stream = self.requests
        x.service = self.door.service
        x.port = self.door.port
        x.link = self.link or (self.door.target.link if self.door.target is not None else None)
        x.error = reason
        self.host.runtime.counters.inflight += 1  # its head passes no stage, its end does
        self.x = x
        self._request = None
        return x

    def _over(self, x: Exchange) -> None:
        x.ended = perf_counter()
        self._stack_end(x)
