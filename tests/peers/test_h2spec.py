"""h2spec, strict, against the sidecar's HTTP/2: outbound, inbound, through a pair, and in the mesh's TLS as a sidecar.

The program is built from its Go module; H2SPEC may name another. Nothing that it asks for is left out. The mesh's TLS
is the only one that a sidecar ends: an application's own is passed through, inbound and outbound alike.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from agents.sidecar.engine.http2.limits import HOP
from tests.peers.plain2 import Plain2
from tests.support.mesh import Mesh, Plane
from tests.support.tools import need_go

H2SPEC = "github.com/summerwind/h2spec/cmd/h2spec"
# A frame that is too large is made of five such fields, in Huffman's code: larger than any of our listeners allows.
LONG_FIELD = HOP.frame // 4

pytestmark = pytest.mark.timeout(300)  # the first run builds it


@asynccontextmanager
async def relay(near: Plane, port: int) -> AsyncIterator[int]:
    """Put the mesh's TLS of `near` around whatever is said to the port given: h2spec cannot show a certificate."""
    tasks: set[asyncio.Task[None]] = set()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):  # either end resets what it has done with
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def relayed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", port, ssl=near.contexts.client, server_hostname="")
        await asyncio.gather(pass_on(reader, there[1]), pass_on(there[0], writer))

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(relayed(reader, writer)))

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def passes(program: str, port: int) -> None:
    """Hold what listens to everything that h2spec asks."""
    child = await asyncio.create_subprocess_exec(
        *(program, "--strict", "-h", "127.0.0.1", "-p", str(port)),
        *("-o", "30", "--max-header-length", str(LONG_FIELD)),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(child.communicate(), 240)
    text = out.decode()
    assert re.search(r"1\d\d tests, ", text), text
    assert "×" not in text, text[text.find("Failures:") :]


@pytest.mark.parametrize("way", ["outbound", "inbound", "pair", "hop"])
async def test_strict(way: str) -> None:
    program = need_go(H2SPEC)
    server = await asyncio.get_running_loop().create_server(Plain2, "127.0.0.1", 0)
    application = server.sockets[0].getsockname()[1]
    async with Mesh() as mesh:
        far, near = mesh.sidecar("voting"), mesh.sidecar("web")
        port = far.inbound(application)
        if way == "hop":
            async with relay(near, port) as entry:
                await passes(program, entry)
            assert far.ended.exchanges, "nothing went through the hop"
        elif way == "inbound":
            await passes(program, port)
        else:
            endpoint = near.endpoint(far, port) if way == "pair" else near.endpoint(None, application)
            await passes(program, near.outbound("voting", endpoint))
    server.close()
