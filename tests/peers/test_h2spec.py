"""h2spec, strict, against the sidecar's HTTP/2: outbound, inbound, and through a pair.

The program is built from its Go module; H2SPEC may name another. Nothing that it asks for is left out.
"""

import asyncio
import re
from typing import Any

import pytest

from agents.sidecar.engine.http2.connection import SERVER
from agents.sidecar.engine.http2.fields import Fields
from agents.sidecar.engine.http2.limits import APPLICATION
from agents.sidecar.engine.http2.stream import Stream
from agents.sidecar.host.h2edge import Edge
from tests.support.mesh import Mesh
from tests.support.tools import need_go

H2SPEC = "github.com/summerwind/h2spec/cmd/h2spec"

pytestmark = pytest.mark.timeout(300)  # the first run builds it


class Origin(Edge):
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


@pytest.mark.parametrize("way", ["outbound", "inbound", "pair"])
async def test_strict(way: str) -> None:
    program = need_go(H2SPEC)
    server = await asyncio.get_running_loop().create_server(Origin, "127.0.0.1", 0)
    application = server.sockets[0].getsockname()[1]
    async with Mesh() as mesh:
        far, near = mesh.sidecar("voting"), mesh.sidecar("web")
        port = far.inbound(application)
        if way != "inbound":
            port = near.outbound("voting", near.endpoint(*((far, port) if way == "pair" else (None, application))))
        child = await asyncio.create_subprocess_exec(
            program, "--strict", "-h", "127.0.0.1", "-p", str(port), "-o", "3", stdout=asyncio.subprocess.PIPE
        )
        out, _ = await asyncio.wait_for(child.communicate(), 100)
    text = out.decode()
    assert re.search(r"1\d\d tests, ", text), text
    assert "×" not in text, text[text.find("Failures:") :]
    server.close()
