"""HTTP/2 through one sidecar without sockets: an engine's client in front, engines as servers behind, virtual time.

book = Book(endpoints("10.0.0.1:80"))
stream = book.ask(REQUEST)
book.ears[0].streams[0].send_headers(OK, True)
book.run()
"""

from dataclasses import replace
from typing import Any

from agents.sidecar.engine.exchange import OUTBOUND, Exchange
from agents.sidecar.engine.http2.connection import CLIENT, SERVER, Connection
from agents.sidecar.engine.http2.fields import Fields
from agents.sidecar.engine.http2.limits import APPLICATION, HOP, Limits
from agents.sidecar.engine.http2.stream import Stream
from agents.sidecar.engine.stack import Stack
from agents.sidecar.host.h2 import Served
from agents.sidecar.host.h2carrier import Carrier
from agents.sidecar.host.h2edge import Edge
from agents.sidecar.host.h2fleet import Carriers, Fleet
from agents.sidecar.host.host import Host
from agents.sidecar.stacks import outbound_stack
from agents.sidecar.state.doors import Door
from agents.sidecar.state.endpoints import Endpoint, EndpointSet
from tests.support.http2 import Ear
from tests.support.playbook import ME, Clock, Dials, Recorder, Side, make_runtime


class Loop(Clock):
    """A clock that can be asked for the time, as loops can."""

    def time(self) -> float:
        return self.now


class Dialled(Fleet):
    """Connects to nobody: each dial is a server of the engine, or a refusal."""

    def __init__(self, book: "Book", loop: Loop) -> None:
        super().__init__(loop, None, b"", None)  # type: ignore[arg-type]
        self.book = book
        self.refusing: set[Endpoint] = set()
        self.dials: list[Endpoint] = []
        self.limits = APPLICATION

    def dial(self, carriers: Carriers) -> None:
        self.dials.append(carriers.endpoint)
        self.loop.call_soon(self._dialled, carriers)

    def _dialled(self, carriers: Carriers) -> None:
        if carriers.endpoint in self.refusing:
            carriers.failed("connect-refused")
            return
        carrier = Carrier(carriers, None)
        if carriers.endpoint.meshed:
            Edge.__init__(carrier, self.loop, CLIENT, HOP)  # as with TLS
        self.book.far(carrier, SERVER, self.limits)
        carrier.connection_made(carrier.side)  # type: ignore[attr-defined]


class Book:
    """A client connection of one sidecar and what it leads to."""

    def __init__(self, target: EndpointSet, *stages: Any, client: Limits = APPLICATION) -> None:
        self.loop = Loop()
        runtime = make_runtime()
        self.runtime = runtime
        self.exchanges: list[Exchange] = []
        self.host = Host(runtime, self.loop, Dials(self.loop), lambda: 0.0)  # type: ignore[arg-type]
        self.fleet = Dialled(self, self.loop)
        self.fleet.meter = runtime.bounds
        stack = Stack(*stages, *outbound_stack(runtime).stages, Recorder(self.exchanges))
        door = Door(OUTBOUND, stack, service=target.service, target=target)
        self.links: list[tuple[Any, Side, Connection]] = []
        self.ears: list[Ear] = []  # of the servers, as they were dialled
        self.served = Served(self.host, self.fleet, door, ME, None)
        self.answers = self.far(self.served, CLIENT, replace(client, trusted=True))  # it hears all that is said
        self.client = self.answers.connection
        self.served.connection_made(self.served.side)  # type: ignore[attr-defined]
        self.run()

    def far(self, edge: Any, role: int, limits: Limits) -> Ear:
        """Put an engine at the far end of an edge."""
        ear = Ear()
        edge.side = Side(edge)
        connection = ear.connection = Connection(role, ear, limits)
        connection.start()
        self.links.append((edge, edge.side, connection))
        if role == SERVER:
            self.ears.append(ear)
        return ear

    def ask(self, headers: Fields, end: bool = True) -> Stream:
        """Send a request."""
        assert self.client is not None
        stream = self.client.open(headers, end, self.answers)
        self.run()
        return stream

    def run(self, seconds: float = 0.0) -> None:
        """Carry bytes until nothing moves, then let time pass."""
        for _ in range(50):
            self.loop.advance(0.0)
            moved = False
            for edge, side, far in tuple(self.links):
                there, back = side.received, far.take_output()
                side.received = b""
                if there:
                    far.receive(there)
                if back and not side.closed:
                    edge.data_received(back)
                moved = moved or bool(there) or bool(back)
            if not moved:
                break
        if seconds:
            self.loop.advance(seconds)
            self.run()

    def heard(self, kind: str) -> list[Any]:
        """Return what the client heard of one kind."""
        return [event for event in self.answers.events if event[0] == kind]
