"""One HTTP/2 request on its way through: from a client's stream to a server's, and the response back.

host/h2 makes one per request; it is the sink of both streams. Frames are passed on as they come; what the other side's
windows do not take is not given back to the sender, so a slow reader slows its own sender and nobody else.
"""

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING

from agents.sidecar.engine.balance import fail
from agents.sidecar.engine.exchange import Exchange
from agents.sidecar.engine.headers import ERROR_HEADER
from agents.sidecar.engine.http2 import wire
from agents.sidecar.engine.http2.connection import Connection
from agents.sidecar.engine.http2.fields import Fields, Section
from agents.sidecar.engine.http2.stream import BODYLESS, Stream
from agents.sidecar.engine.reply import UNSENT, refusal
from agents.sidecar.engine.stack import HOLD, Reply, Verdict
from agents.sidecar.host.h2head import cancelled, conclude, local
from agents.sidecar.host.host import HOLD_S
from agents.sidecar.host.shed import Mark
from agents.sidecar.host.upstream import REPEATABLE

if TYPE_CHECKING:
    from agents.sidecar.host.h2 import Served

ATTEMPTS = 3
CARRY_S = 10.0  # how long a request waits for a connection with room
REPLAY_LIMIT = 64 * 1024  # of a body, kept until the response begins, for a server that never saw it
_RETRY_S = 0.05


class Relay:
    """`x` is the exchange, None once it was counted."""

    __slots__ = (
        "_attempts",
        "_ended",
        "_headers",
        "_held",
        "_held_size",
        "_owed_down",
        "_owed_up",
        "_requested",
        "_timer",
        "_trailers",
        "_waiting",
        "down",
        "served",
        "up",
        "x",
    )

    def __init__(self, served: "Served", down: Stream, x: Exchange, headers: Fields, end: bool) -> None:
        self.served = served
        self.down = down
        self.up: Stream | None = None
        self.x: Exchange | None = x
        self._headers = headers
        self._held: list[bytes] | None = []  # the body so far; None: too much of it to say it again
        self._held_size = 0
        self._requested = end  # all of the request is here
        self._trailers: Fields | None = None
        self._owed_down = 0  # bytes to give back when they are on their way
        self._owed_up = 0
        self._attempts = 1
        self._waiting = False  # for a connection or for the stack
        self._ended = False  # the response is over
        self._timer: asyncio.TimerHandle | None = None

    # The way there.

    def begin(self, verdict: Verdict) -> None:
        """Act on what the stack said of the request's head."""
        x = self.x
        if x is None:
            return
        if verdict is None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._carry(x)
            if self.x is None:
                return
            if x.deadline:
                self._timer = self.served.loop.call_later(max(0.0, x.deadline - perf_counter()), self._late)
            elif self._waiting:
                self._timer = self.served.loop.call_later(CARRY_S, self._stuck)
        elif verdict is HOLD:
            self._waiting = True
            if self._timer is None:
                self._timer = self.served.loop.call_later(HOLD_S, self._tired)
        elif isinstance(verdict, Reply):
            self._answer(verdict)

    def go_on(self) -> None:
        """A held exchange may go on."""
        x = self.x
        if x is not None and self._waiting and self.up is None:
            self._waiting = False
            self.begin(self.served.stack_head(x))

    def _carry(self, x: Exchange) -> None:
        endpoint = x.endpoint
        assert endpoint is not None
        carriers = endpoint.carriers or self.served.carriers(endpoint)
        connection = carriers.current
        if connection is not None and len(connection.streams) < connection.peer_streams and not connection.draining:
            self.carried(connection)
        else:
            self._waiting = True
            carriers.wait(self)

    def carried(self, connection: Connection) -> bool:
        """Here is a connection with room. False: there is nothing to carry any more."""
        if self.x is None:
            return False
        self._waiting = False
        if self._timer is not None and not self.x.deadline:
            self._timer_off()
        held = self._held
        assert held is not None
        whole = self._requested and not held and self._trailers is None
        self.up = up = connection.open(self._headers, whole, self)
        if self.x.method == b"HEAD":
            up.length = BODYLESS
            up.bound = 0
        if held:
            self._pass(up, b"".join(held), self._requested and self._trailers is None)
        if self._trailers is not None:
            up.send_trailers(self._trailers)
        return True

    def uncarried(self, error: str) -> None:
        """There is no connection to be had."""
        if self.x is None:
            return
        self._waiting = False
        if not self._elsewhere(self.x):
            self._answer(refusal(error))

    def _pass(self, up: Stream, data: bytes, end: bool) -> None:
        owed, self._owed_down = self._owed_down, 0
        if up.send_data(data, end):
            self.down.consumed(owed)
        else:
            self._owed_down += owed

    def _elsewhere(self, x: Exchange) -> bool:
        """Try another endpoint, or the same one again, with a request that no server has seen."""
        if self._attempts >= ATTEMPTS or self._held is None or x.endpoint is None:
            return False
        now = perf_counter()
        other = self.served.host.elsewhere(x.target, x.endpoint, now)
        if other is None:
            return False
        fail(x.endpoint, now)
        self._attempts += 1
        x.attempt += 1
        x.endpoint.inflight -= 1
        other.inflight += 1
        x.endpoint = other
        x.server = other.peer
        x.link = other.link
        self._carry(x)
        return True

    def _again(self, x: Exchange, code: int) -> bool:
        """The server has not seen it (RFC 9113, 8.7), or may see it twice: send it on whatever connection there is."""
        if self._attempts >= ATTEMPTS or self._held is None or x.replied:
            return False
        self._attempts += 1
        x.attempt += 1
        self.up = None
        self._waiting = True
        self.served.loop.call_later(0.0 if code > 0 else _RETRY_S * (self._attempts - 1), self._retry)
        return True

    def _repeatable(self, x: Exchange, stream: Stream) -> bool:
        """Tell whether a request may be sent again that a connection was lost under; when, is as in host/upstream."""
        if x.method not in REPEATABLE or not self._requested or x.endpoint is None:
            return False
        return x.endpoint.meshed or stream.id > 1

    def _unsent(self, x: Exchange, headers: Fields) -> bool:
        """The sidecar there says that its application never saw the request: ask another endpoint, if there is one."""
        up = self.up
        if up is None or x.endpoint is None or not x.endpoint.meshed:
            return False
        if not any(name == ERROR_HEADER and value in UNSENT for name, value, _ in headers):
            return False
        self.up = None
        if self._elsewhere(x):
            up.reset(wire.CANCEL)  # what it says further is not passed on
            return True
        self.up = up
        return False

    def _retry(self) -> None:
        if self.x is not None and self.up is None and self._waiting:
            self._waiting = False
            self._carry(self.x)

    # What the two streams say.

    def on_data(self, stream: Stream, data: bytes, end: bool) -> bool:
        if stream is self.down:
            up = self.up
            self._requested = end
            held = self._held
            if held is not None:
                self._held_size += len(data)
                if up is None or self._held_size <= REPLAY_LIMIT:
                    held.append(data)
                else:
                    self._held = None
            # Its window stays as it is until there is somewhere to send it.
            if up is not None and up.send_data(data, end):
                return True
            self._owed_down += len(data)
            return False
        passed = self.down.send_data(data, end)
        if not passed:
            self._owed_up += len(data)
        if end:
            self._finish()
        return passed

    def on_headers(self, stream: Stream, headers: Fields, status: int, end: bool) -> None:
        x = self.x
        if x is None:
            return
        if status < 200:
            self.down.send_headers(headers)
            return
        if (end or status >= 500) and self._unsent(x, headers):
            return
        x.replied = perf_counter()
        x.status = status
        x.response = headers if isinstance(headers, Section) else Section(headers)
        self._held = None
        if end:
            conclude(x, headers)
        if x.tap is not None:  # nobody else asks about an answer that is not our own
            self.served.stack_reply(x)
        self.down.send_headers(headers, end)
        if end:
            self._finish()

    def on_trailers(self, stream: Stream, headers: Fields) -> None:
        if stream is self.down:
            self._requested = True
            self._trailers = headers
            if self.up is not None:
                self.up.send_trailers(headers)
            return
        x = self.x
        if x is not None:
            conclude(x, headers)
            if x.tap is not None:  # nobody else reads them
                x.trailers = [(name, value) for name, value, _ in headers]
        self.down.send_trailers(headers)
        self._ended = True
        if x is not None:
            self._count(x)

    def on_drained(self, stream: Stream) -> None:
        if stream is self.down:
            owed, self._owed_up = self._owed_up, 0
            up = self.up
            if up is not None:
                if owed:
                    up.consumed(owed)
                if self._ended and up.local_closed and stream.queue is None:
                    stream.reset(wire.NO_ERROR)  # nobody wants the rest of a request that was answered early
        else:
            owed, self._owed_down = self._owed_down, 0
            if owed:
                self.down.consumed(owed)

    def on_reset(self, stream: Stream, code: int) -> None:
        x = self.x
        if stream is self.down:
            if self.up is not None:
                self.up.reset(wire.CANCEL if code < 0 else code)
            if x is not None:
                if self._waiting:
                    self._unwait(x)
                cancelled(x)
                x.error = "client-closed"
                x.reset_code = wire.CANCEL if code < 0 else code
                self._count(x)
            return
        if stream is not self.up:
            return  # an attempt that was given up
        if x is None or self._ended:
            if self.down.queue is not None:
                return  # the answer is whole, and the client still reads it
            self.down.reset(wire.CANCEL if code < 0 else code)
            return
        why = stream.connection.why
        unseen = code == wire.REFUSED_STREAM or (code < 0 and not why and not stream.connection.known)
        lost = code < 0 and not why and self._repeatable(x, stream)
        if (unseen or lost) and self._again(x, code):
            return
        if x.replied or code >= 0:
            x.error = "upstream-reset" if code >= 0 else why or "upstream-closed"
            x.reset_code = wire.INTERNAL_ERROR if code < 0 else code
            self.down.reset(x.reset_code)
            self._count(x)
        else:
            self._answer(refusal(why or "upstream-closed"))

    # The end.

    def _answer(self, reply: Reply) -> None:
        """Answer in the server's stead."""
        x = self.x
        if x is None:
            return
        if self._waiting:
            self._unwait(x)
        headers, body = local(x, reply)
        x.error = reply.error
        x.replied = perf_counter()
        self.served.stack_reply(x)
        self.down.send_headers(headers, not body)
        if body:
            self.down.send_data(body, True)
        self._ended = True
        if not self._requested:
            self.down.reset(wire.NO_ERROR)  # section 8.1: the rest of the request is not wanted
        if reply.close:
            self.served.drain()
        self._count(x)

    def _finish(self) -> None:
        """The response is whole."""
        self._ended = True
        if self.x is not None:
            self._count(self.x)

    def _count(self, x: Exchange) -> None:
        self.x = None
        self._held = None
        if self._timer is not None:
            self._timer_off()
        x.ended = perf_counter()
        x.request_bytes = self.down.read_bytes
        if self.up is not None:
            x.response_bytes = self.up.read_bytes
        self.served.stack_end(x)

    def _unwait(self, x: Exchange) -> None:
        """Wait for a connection no longer: while none has room, nobody else would forget it."""
        self._waiting = False
        if x.endpoint is not None and x.endpoint.carriers is not None:
            x.endpoint.carriers.forget(self)

    def _timer_off(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tired(self) -> None:
        """Nobody has told a held exchange to go on in time."""
        self._timer = None
        x = self.x
        if x is not None and self._waiting:
            pending = x.target is not None and x.target.exists is None
            self._answer(refusal("discovery-timeout" if pending else "no-endpoints"))

    def _stuck(self) -> None:
        """There are connections, but none had room in time."""
        self._timer = None
        if self.x is not None and self._waiting:
            self._answer(refusal("overloaded"))

    def _late(self) -> None:
        """The request's time is over."""
        self._timer = None
        if self.x is not None:
            self.cut("timeout")

    def mark(self) -> Mark:
        """Return how much each side has taken; nothing if no side has more to take."""
        down, up = self.down, self.up
        got, sent = (up.read_bytes, up.queued) if up is not None else (0, 0)
        return (got - down.queued, down.read_bytes - sent) if down.queued or sent else ()

    def cut(self, why: str) -> None:
        """End it, whether or not the answer has begun, or is all here and only waits for the client."""
        x = self.x
        if self.up is not None:
            self.up.reset(wire.CANCEL)
        if x is None:
            self.down.reset(wire.CANCEL)
        elif x.replied:
            x.error = why
            x.reset_code = wire.CANCEL
            self.down.reset(wire.CANCEL)
            self._count(x)
        else:
            self._answer(refusal(why))
