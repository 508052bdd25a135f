"""HTTP as browsers, scripts and load generators speak it, through one sidecar and through two."""

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agents.sidecar.state.endpoints import Endpoint
from agents.sidecar.state.peers import Peer
from tests.peers.origin import Origin
from tests.peers.plain2 import Plain2
from tests.support.local import Local, free_port, inside
from tests.support.mesh import Mesh
from tests.support.tools import need

pytestmark = pytest.mark.timeout(120)

PORT = free_port()
MIB = 1 << 20


@pytest.fixture(scope="module")
def mesh() -> Iterator[Local]:
    with Local({"web": inside(PORT)}) as mesh:
        yield mesh


@pytest.fixture
async def origin(mesh: Local) -> AsyncIterator[Origin]:
    origin = Origin()
    async with origin.serve(PORT):
        yield origin


@pytest.fixture(params=["pair", "inbound"])
def port(request: pytest.FixtureRequest, mesh: Local) -> int:
    return mesh.outbound("web") if request.param == "pair" else mesh.inbound("web")


async def run(*words: str) -> str:
    """Run a program to its end and return what it printed."""
    child = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(child.communicate(), 30)
    assert child.returncode == 0, out.decode()
    return out.decode()


async def test_websocket_echo(origin: Origin, port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET /switch HTTP/1.1\r\nHost: web\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x05early"
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"upgrade: websocket" in head.lower()
    assert await reader.readexactly(7) == b"\x81\x05early"
    for number in range(200):
        frame = b"\x82\x04%04d" % number
        writer.write(frame)
        assert await reader.readexactly(6) == frame
    large = bytes(range(256)) * 4096
    writing = asyncio.ensure_future(_write(writer, large))
    assert await reader.readexactly(len(large)) == large
    await writing
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), 30) == b"bye"  # half-closed, not cut
    writer.close()
    head = origin.heads[-1].lower()
    assert b"connection: upgrade" in head
    assert b"upgrade: websocket" in head


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


async def test_events_arrive_one_by_one(origin: Origin, port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /drip/10 HTTP/1.1\r\nHost: web\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    times = []
    for number in range(10):
        await reader.readuntil(b"data: %d\n\n\r\n" % number)
        times.append(asyncio.get_running_loop().time())
    assert times[-1] - times[0] > 0.15  # not held back until the end
    assert await reader.readuntil(b"0\r\n\r\n") == b"0\r\n\r\n"
    writer.close()


@pytest.mark.parametrize("coding", ["length", "chunked"])
async def test_curl_uploads_after_100_continue(origin: Origin, port: int, coding: str, tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(b"u" * 32 * MIB)
    words = [need("curl", "curl"), "-sS", "-v", "-T", str(file), "-H", "Expect: 100-continue"]
    words += ["-H", "Transfer-Encoding: chunked"] if coding == "chunked" else []
    text = await run(*words, f"http://127.0.0.1:{port}/echo")
    assert "100 Continue" in text
    assert text.splitlines()[-1].endswith(str(32 * MIB))


async def test_http_1_0(origin: Origin, port: int) -> None:
    """Its end is the connection's, no chunk is seen, and keep-alive is kept where it was asked for."""
    text = await run(need("curl", "curl"), "-sS", "--http1.0", f"http://127.0.0.1:{port}/drip/3")
    assert text == "data: 0\n\ndata: 1\n\ndata: 2\n\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        writer.write(b"GET /size/3 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        assert b"connection: keep-alive" in head.lower()
        assert await reader.readexactly(3) == b"012"
    writer.close()


async def test_pipelined_answers_come_in_order(origin: Origin, port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"".join(b"GET /size/%d HTTP/1.1\r\nHost: web\r\n\r\n" % number for number in range(200)))
    for number in range(200):
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        assert b"Content-Length: %d\r\n" % number in head
        await reader.readexactly(number)
    writer.close()


async def test_names_on_the_proxy_port(mesh: Local, origin: Origin) -> None:
    proxy = ["-x", f"http://127.0.0.1:{mesh.outbound('proxy')}"]
    curl = [need("curl", "curl"), "-sS", *proxy]
    assert await run(*curl, "http://web/size/5") == "01234"
    assert await run(*curl, "http://web.peers/size/5") == "01234"
    assert await run(*curl, "-p", "http://web/size/5") == "01234"  # CONNECT
    assert await run(
        *curl, "-p", "--http2-prior-knowledge", "-o", "/dev/null", "-w", "%{http_code}", "http://web/"
    ) in (
        "502",
        "503",
    )  # the application speaks no HTTP/2, and says so by closing


async def test_ab(origin: Origin, port: int) -> None:
    text = await run(
        need("ab", "apache2-utils"), "-q", "-k", "-n", "2000", "-c", "16", f"http://127.0.0.1:{port}/size/100"
    )
    assert re.search(r"Complete requests: +2000\n", text), text
    assert re.search(r"Failed requests: +0\n", text), text
    assert "Non-2xx" not in text


async def test_wrk(origin: Origin, port: int) -> None:
    text = await run(need("wrk", "wrk"), "-t", "1", "-c", "32", "-d", "1", f"http://127.0.0.1:{port}/size/1000")
    assert int(re.search(r"(\d+) requests in", text)[1]) > 200  # type: ignore[index]
    assert "Socket errors" not in text
    assert "Non-2xx" not in text


async def test_h2load(port: int) -> None:
    made: list[Plain2] = []

    def make() -> Plain2:
        made.append(Plain2())
        return made[-1]

    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", PORT)
    await asyncio.sleep(1.1)  # longer than a sidecar waits before it dials again
    words = ["-n", "2000", "-c", "4", "-m", "16", f"http://127.0.0.1:{port}/"]
    text = await run(need("h2load", "nghttp2-client"), *words)
    server.close()
    for connection in made:
        connection.abort()
    assert "2000 succeeded, 0 failed, 0 errored, 0 timeout" in text, text
    assert "status codes: 2000 2xx" in text, text


@pytest.mark.parametrize("where", ["unix", "ipv6"])
async def test_applications_on_other_addresses(where: str) -> None:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="mt-", dir="/tmp") as folder:
        path = f"{folder}/socket"
        endpoint = Endpoint(f"unix:{path}" if where == "unix" else "::1", port, peer=Peer())
        origin = Origin()
        async with origin.serve(port, path if where == "unix" else "::1"), Mesh() as mesh:
            entry = mesh.sidecar("web").outbound("voting", endpoint)
            curl = [need("curl", "curl"), "-sS"]
            assert await run(*curl, f"http://127.0.0.1:{entry}/size/5") == "01234"
            assert await run(*curl, "-d", "12345678", f"http://127.0.0.1:{entry}/echo") == "8"
