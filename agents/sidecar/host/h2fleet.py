"""HTTP/2 as a client: the connections that carry streams to an endpoint, shared by everything that goes there.

A `Fleet` has them all; `Carriers` are those of one endpoint: dialled when first wanted, another one when the server's
limit on streams is reached, replaced without a pause when the certificate changes. Requests wait here, not in a queue
of tasks.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from agents.sidecar.engine.http2.connection import Connection
from agents.sidecar.engine.http2.limits import Meter
from agents.sidecar.host.dial import FULL
from agents.sidecar.host.h2carrier import Carrier
from agents.sidecar.host.handshake import detail, refuse, why
from agents.sidecar.host.tls import Contexts
from agents.sidecar.state.cells import TcpCell
from agents.sidecar.state.endpoints import Endpoint

CONNECT_TIMEOUT_S = 1.0
HANDSHAKE_TIMEOUT_S = 5.0
CONNECTIONS = 8  # to one endpoint, however few streams each may carry
BACKOFF_S = 0.02
BACKOFF_LIMIT_S = 1.0
SWEEP_S = 1.0


class Waiter(Protocol):
    """Wants a stream."""

    def carried(self, connection: Connection) -> bool:
        """Here is a connection with room. False: there is nothing to carry any more."""

    def uncarried(self, error: str) -> None:
        """There is no connection to be had."""


class Carriers:
    """The connections to one endpoint. `current` takes the next stream, if it has room."""

    __slots__ = ("_backoff", "_dialling", "_refusal", "_until", "current", "endpoint", "fleet", "open", "waiting")

    def __init__(self, fleet: "Fleet", endpoint: Endpoint) -> None:
        self.fleet = fleet
        self.endpoint = endpoint
        self.current: Connection | None = None
        self.open: list[Carrier] = []
        self.waiting: deque[Waiter] = deque()
        self._dialling = False
        self._backoff = 0.0
        self._until = 0.0  # no dialling before
        self._refusal = ""

    def wait(self, waiter: Waiter) -> None:
        """Tell `waiter` when there is a connection with room, or that there is none."""
        for carrier in self.open:
            if carrier.h2.room:
                self.current = carrier.h2
                waiter.carried(carrier.h2)
                return
        if not self.open and self.fleet.loop.time() < self._until:
            self.fleet.loop.call_soon(waiter.uncarried, self._refusal)
            return
        self.waiting.append(waiter)
        for carrier in self.open:
            carrier.h2.crowded = True  # a stream's end is worth a look now
        self._more()

    def forget(self, waiter: Waiter) -> None:
        """Somebody waits no longer."""
        with suppress(ValueError):
            self.waiting.remove(waiter)

    def _more(self) -> None:
        """Dial for those who wait, unless a connection has yet to say how many streams it takes."""
        if len(self.open) < CONNECTIONS and all(carrier.h2.known for carrier in self.open):
            self.dial()

    def dial(self) -> None:
        """Begin to open one more connection."""
        if not self._dialling:
            self._dialling = True
            self.fleet.dial(self)

    def arrived(self, carrier: Carrier) -> None:
        """A connection is ready: it takes what waits, and the place of those that it replaces."""
        self._dialling = False
        before = [known for known in self.open if known.leaving or known.context is not carrier.context]
        self.open.append(carrier)
        self.current = carrier.h2
        for known in before:
            known.retire()
        self.serve(carrier)

    def serve(self, carrier: Carrier) -> None:
        """Give what waits to a connection, as far as it has room."""
        while self.waiting and carrier.h2.room:
            self.waiting.popleft().carried(carrier.h2)
        carrier.h2.crowded = bool(self.waiting)
        if self.waiting:
            self._more()

    def proven(self) -> None:
        """The server has answered: the next failure is a first one."""
        self._backoff = 0.0

    def left(self, carrier: Carrier, error: str = "") -> None:
        """A connection takes no more streams, or (`error`) never did."""
        if carrier not in self.open:
            return
        self.open.remove(carrier)
        if self.current is carrier.h2:
            self.current = next((other.h2 for other in self.open if other.h2.room), None)
        if error:
            self.failed(error)
        elif self.waiting and not self.open:
            self.dial()

    def failed(self, error: str) -> None:
        """A dial came to nothing: whoever waits is told, and for a moment nobody dials again."""
        self._dialling = False
        self._refusal = error
        self._backoff = min(self._backoff * 2 or BACKOFF_S, BACKOFF_LIMIT_S)
        self._until = self.fleet.loop.time() + self._backoff
        if self.open:
            return  # others go on; who waits gets room there
        waiting, self.waiting = self.waiting, deque()
        for waiter in waiting:
            waiter.uncarried(error)


class Fleet:
    """All connections that carry streams. `hello` tells other sidecars who this one is."""

    def __init__(self, loop: asyncio.AbstractEventLoop, contexts: Contexts, hello: bytes, log: Any) -> None:
        self.loop = loop
        self.contexts = contexts
        self.hello = hello
        self.flow: Callable[[Endpoint], TcpCell | None] = lambda endpoint: None  # where connections are counted
        self.violated: Callable[[Endpoint, int, str], None] = lambda endpoint, code, reason: None  # where that is told
        self.meter = Meter()  # of bytes that wait, the process's
        self._log = log
        self._all: list[Carriers] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def to(self, endpoint: Endpoint) -> Carriers:
        """Return the connections to an endpoint."""
        carriers: Carriers | None = endpoint.carriers
        if carriers is None:
            carriers = endpoint.carriers = Carriers(self, endpoint)
            self._all.append(carriers)
            if self._timer is None:
                self._timer = self.loop.call_later(SWEEP_S, self._sweep)
        return carriers

    def dial(self, carriers: Carriers) -> None:
        """Open a connection; it reports to `carriers`."""
        task = self.loop.create_task(self._dial(carriers))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _dial(self, carriers: Carriers) -> None:
        endpoint = carriers.endpoint
        context = self.contexts.client if endpoint.meshed else None
        if endpoint.meshed and context is None:
            carriers.failed("no-certificate")
            return
        carrier = Carrier(carriers, context)
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT_S if context else CONNECT_TIMEOUT_S):
                if endpoint.ip.startswith("unix:"):
                    path = endpoint.ip.removeprefix("unix:")
                    await self.loop.create_unix_connection(lambda: carrier, path)
                else:
                    await self.loop.create_connection(lambda: carrier, endpoint.ip, endpoint.port, ssl=context)
        except TimeoutError:
            if carrier.transport is not None:
                carrier.give_up()
            else:
                carriers.failed("connect-timeout")
        except ssl.SSLError as error:
            self.refuse(endpoint, why(error), detail(error))
            carriers.failed("tls-failed")
        except (ConnectionResetError, ConnectionAbortedError) as error:
            if context is not None:
                self.refuse(endpoint, why(error), detail(error))
            carriers.failed("connect-failed")
        except ConnectionRefusedError:
            carriers.failed("connect-refused")
        except OSError as error:
            carriers.failed("out-of-descriptors" if error.errno in FULL else "connect-failed")

    def renew(self) -> None:
        """The certificate or the anchors changed: dial anew, and only then let the old connections end."""
        for carriers in self._all:
            if any(carrier.context is not None for carrier in carriers.open):
                carriers.dial()

    def refuse(self, endpoint: Endpoint, reason: str, text: str) -> None:
        """Mutual TLS with a meshed endpoint was not possible."""
        refuse(self.contexts.certs, self._log, "outbound", reason, f"{endpoint.peer.identity} at {endpoint.id}", text)

    def abort(self) -> None:
        """End all of them now."""
        if self._timer is not None:
            self._timer.cancel()
        for carriers in self._all:
            for carrier in tuple(carriers.open):
                carrier.abort()

    def _sweep(self) -> None:
        now = self.loop.time()
        for carriers in self._all:
            for carrier in tuple(carriers.open):
                carrier.check(now)
        self._all = [known for known in self._all if known.open or known.waiting or not known.endpoint.gone]
        self._timer = self.loop.call_later(SWEEP_S, self._sweep)
