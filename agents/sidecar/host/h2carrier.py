"""One HTTP/2 connection to an endpoint: who is at its end, and whether it is still there.

host/h2fleet dials it. A meshed endpoint is only ever reached over mutual TLS, and must prove its identity before it
hears a word.
"""

import ssl
from math import inf
from time import time
from typing import TYPE_CHECKING, Any

from agents.sidecar.engine.http2.connection import CLIENT
from agents.sidecar.engine.http2.limits import HOP, UPSTREAM
from agents.sidecar.host.dial import keep_alive
from agents.sidecar.host.h2edge import Edge
from agents.sidecar.host.handshake import detail, why
from agents.sidecar.host.tls import expiry, identity
from agents.sidecar.state.cells import TcpCell, errno_name
from agents.sidecar.state.refusals import BY_PEER, MISMATCH, NO_IDENTITY

if TYPE_CHECKING:
    from agents.sidecar.host.h2fleet import Carriers

# A server that died without a word is asked for a sign of life after a request that it has not answered. Another
# sidecar answers at once, so a request is stuck for 5 s at most; an application may be busy with something else.
PATIENCE_S = 3.0
APPLICATION_PATIENCE_S = 15.0
PINGS = 2  # to an application that sends nothing else; gRPC's servers end a connection over the third in five minutes
IDLE_S = 300.0


class Carrier(Edge):
    """One connection to an endpoint."""

    def __init__(self, carriers: "Carriers", context: ssl.SSLContext | None) -> None:
        super().__init__(carriers.fleet.loop, CLIENT, HOP if context else UPSTREAM)
        self.carriers = carriers
        self.h2.meter = carriers.fleet.meter
        self.context = context
        self.since = 0.0  # idle since
        self.leaving = False  # the server has said that it will take no more streams soon
        self.expires = inf  # the server's certificate, Unix time
        self.flow: TcpCell | None = None  # where it counts as a connection
        self._turn = 0  # reads when it was last heard of
        self._next = 1  # the next stream's number at that time
        self._words = 0  # reads, but for those that only brought a sign of life
        self._pings = 0  # since it last said something else
        self._asked = 0.0  # when it was asked for one that has not come
        self._over = False  # connection_lost came

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        keep_alive(transport.get_extra_info("socket"))
        endpoint = self.carriers.endpoint
        if self.context is not None and (proven := identity(transport)) != endpoint.peer.identity:
            # Somebody else answers at its address.
            self.carriers.fleet.refuse(endpoint, MISMATCH if proven else NO_IDENTITY, f"has proven {proven!r}")
            self._write = None
            transport.abort()
            self.carriers.failed("identity-mismatch")
            return
        self.expires = expiry(transport)
        self.flow = self.carriers.fleet.flow(endpoint)
        if self.flow is not None:
            self.flow.opening()
        self.h2.start(self.carriers.fleet.hello if self.context else b"")
        self.carriers.arrived(self)

    def connection_lost(self, error: BaseException | None) -> None:
        if self._over:
            return
        self._over = True
        if self.flow is not None:
            self.flow.closing(errno_name(error))
        self.carriers.left(self, "" if self.h2.known else self._unanswered(error))
        super().connection_lost(error)

    def _unanswered(self, error: BaseException | None) -> str:
        """It was lost before the server had said a word: return why, in one."""
        fleet, endpoint = self.carriers.fleet, self.carriers.endpoint
        if self.context is None or self not in self.carriers.open:  # plain, or given up by ourselves
            return "upstream-closed"
        # With TLS 1.3 a client learns only now that its certificate was refused, often by no more than the end.
        if isinstance(error, ssl.SSLError):
            fleet.refuse(endpoint, why(error), detail(error))
        else:
            fleet.refuse(endpoint, BY_PEER, "closed after the handshake, without a word")
        self.h2.why = "tls-refused"
        return self.h2.why

    def on_settings(self) -> None:
        self.carriers.proven()
        if self.carriers.waiting:
            self.carriers.serve(self)

    def on_room(self) -> None:
        if self.h2.draining:
            super().on_room()
        elif self.carriers.waiting:
            self.carriers.serve(self)

    def on_goaway(self, last: int, code: int) -> None:
        if not self.h2.draining:  # announced: still of use, until there is another one
            self.leaving = True
            self.carriers.dial()
            return
        self.carriers.left(self)
        super().on_goaway(last, code)

    def on_failure(self, code: int, reason: str) -> None:
        self.carriers.fleet.violated(self.carriers.endpoint, code, reason)
        self.carriers.left(self)
        super().on_failure(code, reason)

    def retire(self) -> None:
        """Carry nothing new; close after the last stream."""
        self.carriers.left(self)
        self.h2.draining = True
        self.on_room()

    def give_up(self) -> None:
        """Its dial ran out of time just as it was made: the loop has closed it, and not every loop says so."""
        self.carriers.left(self)
        self.transport.abort()
        self.connection_lost(None)

    def check(self, now: float) -> None:
        """See whether it is still wanted, and still alive: called by the fleet's sweep."""
        h2 = self.h2
        if h2.streams:
            self.since = 0.0
        elif not self.since:
            self.since = now
        idle = self.since and now - self.since > IDLE_S
        if idle or self.carriers.endpoint.gone or time() >= self.expires:
            self.retire()
        elif h2.turn != self._turn:
            self._turn = h2.turn
            self._next = h2.next
            self._asked = 0.0
            words = h2.turn - h2.pongs
            if words != self._words:
                self._words = words
                self._pings = 0
        elif self._asked:
            if now - self._asked >= (PATIENCE_S if self.context else APPLICATION_PATIENCE_S):
                h2.why = "upstream-silent"
                self.abort()
        elif h2.streams and (self.context or (h2.next != self._next and self._pings < PINGS)):
            self._asked = now
            self._pings += 1
            h2.ping()
