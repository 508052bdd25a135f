"""An application that speaks HTTP/2 with prior knowledge, for h2spec and h2load: built on the sidecar's own engine."""

import asyncio
from typing import Any

from agents.sidecar.engine.http2.connection import SERVER
from agents.sidecar.engine.http2.fields import Fields
from agents.sidecar.engine.http2.limits import APPLICATION
from agents.sidecar.engine.http2.stream import Stream
from agents.sidecar.host.h2edge import Edge


class Plain2(Edge):
    """An application that answers everything with a few bytes."""

    def __init__(self) -> None:
        super().__init__(asyncio.get_running_loop(), SERVER, APPLICATION)

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.h2.start()

    def on_stream(self, stream: Stream, headers: Fields, fields: dict[bytes, bytes], end: bool) -> None:
        stream.sink = self  # type: ignore[assignment]
        if end:
            self.answer(stream)

    def on_data(self, stream: Stream, data: bytes, end: bool) -> None:
        stream.consumed(len(data))
        if end:
            self.answer(stream)

    def on_trailers(self, stream: Stream, headers: Fields) -> None:
        self.answer(stream)

    def on_reset(self, stream: Stream, code: int) -> None:
        """Nobody waits for the answer."""

    def on_drained(self, stream: Stream) -> None:
        """It never sends more than fits."""

    def answer(self, stream: Stream) -> None:
        stream.send_headers([(b":status", b"200", False), (b"content-type", b"text/plain", False)])
        stream.send_data(b"twenty-seven bytes of body.", True)
