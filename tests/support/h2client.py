"""An HTTP/2 client for tests over real sockets, built on the sidecar's own engine: what it asks, and what it was told.

client = await Client.to(port)
answer = await client.ask(b"/path", grpc=True)
answer.status, answer.fields, answer.body, answer.reset
"""

import asyncio
from typing import Any, Self

from agents.sidecar.engine.http2.connection import CLIENT
from agents.sidecar.engine.http2.fields import Fields
from agents.sidecar.engine.http2.limits import Limits
from agents.sidecar.engine.http2.stream import Stream
from agents.sidecar.host.h2edge import Edge

HEARING = Limits(trusted=True)  # what the mesh says of itself is kept


class Answer:
    """What came on one stream; `reset` is the code that ended it, -1 if the connection did."""

    def __init__(self, reading: bool) -> None:
        self.status = 0
        self.fields: dict[bytes, bytes] = {}
        self.size = 0
        self.body = b""
        self.reset: int | None = None
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()
        self.drained = asyncio.Event()  # more of the request's body may be sent
        self._reading = reading

    @property
    def error(self) -> bytes:
        """The sidecar's reason, if it answered itself."""
        return self.fields.get(b"meshtui-error", b"")

    def on_headers(self, stream: Stream, headers: Fields, status: int, end: bool) -> None:
        self.status = status
        self._take(headers, end)

    def on_data(self, stream: Stream, data: bytes, end: bool) -> None:
        self.size += len(data)
        if self.size < 1 << 16:
            self.body += data
        if self._reading:
            stream.consumed(len(data))
        if end:
            self.ended.set()

    def on_trailers(self, stream: Stream, headers: Fields) -> None:
        self._take(headers, True)

    def on_reset(self, stream: Stream, code: int) -> None:
        self.reset = code
        self.begun.set()
        self.ended.set()

    def on_drained(self, stream: Stream) -> None:
        self.drained.set()

    def _take(self, headers: Fields, end: bool) -> None:
        self.fields |= {name: value for name, value, _ in headers}
        self.begun.set()
        if end:
            self.ended.set()


class Client(Edge):
    """One connection."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(asyncio.get_running_loop(), CLIENT, limits)
        self.over = asyncio.Event()
        self.streams: list[Stream] = []

    @classmethod
    async def to(cls, port: int, limits: Limits = HEARING) -> Self:
        """Connect."""
        _, made = await asyncio.get_running_loop().create_connection(lambda: cls(limits), "127.0.0.1", port)
        return made

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.h2.start()

    def connection_lost(self, error: BaseException | None) -> None:
        super().connection_lost(error)
        self.over.set()

    def begin(
        self, path: bytes, *, grpc: bool = False, end: bool = True, reading: bool = True, more: Fields = ()
    ) -> Answer:
        """Send a request."""
        answer = Answer(reading)
        head: Fields = [
            (b":method", b"POST" if grpc else b"GET", False),
            (b":scheme", b"http", False),
            (b":path", path, False),
            (b":authority", b"web", False),
        ]
        if grpc:
            head += [(b"content-type", b"application/grpc", False), (b"te", b"trailers", False)]
        head += more
        self.streams.append(self.h2.open(head, end, answer))
        return answer

    async def ask(self, path: bytes, *, grpc: bool = False, limit: float = 60.0) -> Answer:
        """Send a request and wait for the end of the answer."""
        answer = self.begin(path, grpc=grpc)
        await asyncio.wait_for(answer.ended.wait(), limit)
        return answer
