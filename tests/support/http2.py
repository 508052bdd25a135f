"""Ears and pairs for the HTTP/2 engine: two connections back to back, and all that they report."""

from typing import Any

from agents.sidecar.engine.http2.connection import CLIENT, SERVER, Connection
from agents.sidecar.engine.http2.fields import Fields
from agents.sidecar.engine.http2.limits import APPLICATION, Limits
from agents.sidecar.engine.http2.stream import Stream


def head(*pairs: tuple[bytes, bytes]) -> Fields:
    """Return fields as the engine takes them."""
    return [(name, value, False) for name, value in pairs]


def plain(fields: Fields) -> list[tuple[bytes, bytes]]:
    """Return fields as pairs."""
    return [(name, value) for name, value, _ in fields]


REQUEST = head(
    (b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/s/m"), (b":authority", b"a:1"), (b"te", b"trailers")
)


class Ear:
    """Handler and sink: remembers everything."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.streams: list[Stream] = []
        self.bodies: dict[int, bytes] = {}
        self.woken = 0
        self.eager = False  # takes data in at once
        self.connection: Connection | None = None

    def wake(self) -> None:
        self.woken += 1

    def on_stream(self, stream: Stream, headers: Fields, fields: dict[bytes, bytes], end: bool) -> None:
        stream.sink = self
        self.streams.append(stream)
        self.events.append(("stream", stream.id, plain(headers), end))

    def on_headers(self, stream: Stream, headers: Fields, status: int, end: bool) -> None:
        self.events.append(("headers", stream.id, plain(headers), end))

    def on_data(self, stream: Stream, data: bytes, end: bool) -> bool:
        self.bodies[stream.id] = self.bodies.get(stream.id, b"") + data
        self.events.append(("data", stream.id, data, end))
        return self.eager

    def on_trailers(self, stream: Stream, headers: Fields) -> None:
        self.events.append(("trailers", stream.id, plain(headers)))

    def on_reset(self, stream: Stream, code: int) -> None:
        self.events.append(("reset", stream.id, code))

    def on_drained(self, stream: Stream) -> None:
        self.events.append(("drained", stream.id))

    def on_oversized(self, stream: Stream, end: bool) -> None:
        stream.sink = self
        self.streams.append(stream)
        self.events.append(("oversized", stream.id, end))

    def on_excess(self) -> None:
        self.events.append(("excess",))

    def on_hello(self, payload: bytes) -> None:
        self.events.append(("hello", payload))

    def on_settings(self) -> None:
        """Seen in the connection itself."""

    def on_room(self) -> None:
        self.events.append(("room",))

    def on_goaway(self, last: int, code: int) -> None:
        self.events.append(("goaway", last, code))

    def on_failure(self, code: int, reason: str) -> None:
        self.events.append(("failure", code, reason))


class Pair:
    """A client and a server that have greeted each other."""

    def __init__(self, client: Limits = APPLICATION, server: Limits = APPLICATION, hello: bytes = b"") -> None:
        self.asked, self.served = Ear(), Ear()
        self.client = Connection(CLIENT, self.asked, client)
        self.server = Connection(SERVER, self.served, server)
        self.client.start(hello)
        self.server.start()

    def open(self, headers: Fields, end: bool = False) -> Stream:
        return self.client.open(headers, end, self.asked)

    def exchange(self) -> None:
        """Carry bytes both ways until nothing is left to carry."""
        for _ in range(100):
            there, back = self.client.take_output(), self.server.take_output()
            if not there and not back:
                return
            self.server.receive(there)
            self.client.receive(back)
        raise AssertionError("the pair never falls silent")
