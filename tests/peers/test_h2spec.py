"""h2spec, strict, against the sidecar's HTTP/2: outbound, inbound, and through a pair.

The program is built from its Go module; H2SPEC may name another. Nothing that it asks for is left out.
"""

import asyncio
import re

import pytest

from tests.peers.plain2 import Plain2
from tests.support.mesh import Mesh
from tests.support.tools import need_go

H2SPEC = "github.com/summerwind/h2spec/cmd/h2spec"

pytestmark = pytest.mark.timeout(300)  # the first run builds it


@pytest.mark.parametrize("way", ["outbound", "inbound", "pair"])
async def test_strict(way: str) -> None:
    program = need_go(H2SPEC)
    server = await asyncio.get_running_loop().create_server(Plain2, "127.0.0.1", 0)
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
