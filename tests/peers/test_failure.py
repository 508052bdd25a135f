"""Applications that fail in every way: the client is told at once or in bounded time, and the reason is counted."""

import asyncio
import resource
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import pytest

from agents.sidecar.engine.http2 import wire
from tests.peers.origin import Origin
from tests.support.h2client import Client
from tests.support.local import Local, free_ports, inside

pytestmark = pytest.mark.timeout(60)

PORT, *_UNABLE = free_ports(4)
UNABLE_PORTS = dict(zip(("garbage", "close", "stall"), _UNABLE, strict=True))  # applications that know no HTTP/2
MIB = 1 << 20
ROUTE = {"name": "limited", "port": "main", "pathPrefix": "/bad/stall", "timeout": "1s"}


@pytest.fixture(scope="module")
def mesh() -> Iterator[Local]:
    workloads = {"web": PORT, **UNABLE_PORTS}
    with Local({name: inside(port, routes=[ROUTE]) for name, port in workloads.items()}) as mesh:
        yield mesh


@pytest.fixture
async def origin(mesh: Local) -> AsyncIterator[Origin]:
    origin = Origin()
    async with origin.serve(PORT):
        yield origin


@pytest.fixture(params=["pair", "inbound"])
def port(request: pytest.FixtureRequest, mesh: Local) -> int:
    return mesh.outbound("web") if request.param == "pair" else mesh.inbound("web")


async def ask(port: int, path: str, method: str = "GET") -> tuple[int, bytes]:
    """Return status and everything that came; the connection is closed, or that much time has passed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: web\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    answer = b""
    with suppress(ConnectionResetError):
        while data := await asyncio.wait_for(reader.read(65536), 30):
            answer += data
    writer.close()
    return int(answer[9:12] or 0), answer


REASONS = {
    "reset": (502, b"upstream-reset"),
    "close": (502, b"upstream-closed"),
    "garbage": (502, b"bad-head"),
    "half-head": (502, b"upstream-closed"),
    "stall": (504, b"timeout"),
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("how", REASONS)
async def test_bad_answers(mesh: Local, origin: Origin, port: int, how: str, method: str) -> None:
    before = time.monotonic()
    status, answer = await ask(port, f"/bad/{how}", method)
    wanted, reason = REASONS[how]
    assert (status, b"meshtui-error: " + reason in answer) == (wanted, True), answer
    assert time.monotonic() - before < 3
    assert await counted(mesh, f'error="{reason.decode()}"', f'status_code="{status}"')


async def counted(mesh: Local, *labels: str, of: str = "web") -> bool:
    """Tell whether one of the sidecars comes to count a response with these labels; it looks once a second."""
    for _ in range(30):
        lines = (mesh.metrics(of) + mesh.metrics("caller")).splitlines()
        if any(line.startswith("response_total") and all(label in line for label in labels) for line in lines):
            return True
        await asyncio.sleep(0.1)
    return False


async def test_nobody_listens(mesh: Local, port: int) -> None:
    status, answer = await ask(port, "/")
    assert (status, b"meshtui-error: connect-refused" in answer) == (503, True), answer


async def test_less_than_announced_is_seen_as_less(origin: Origin, port: int) -> None:
    status, answer = await ask(port, "/bad/half")
    assert status == 200
    assert answer.endswith(b"only this")  # of a hundred bytes: the client can tell


async def test_a_second_answer_reaches_nobody(origin: Origin, port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for path, wanted in ((b"/bad/twice", b"one"), (b"/size/3", b"012"), (b"/size/3", b"012")):
        writer.write(b"GET %b HTTP/1.1\r\nHost: web\r\n\r\n" % path)
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        assert await reader.readexactly(3) == wanted
    writer.close()


@asynccontextmanager
async def unable(how: str) -> AsyncIterator[None]:
    """Have an application listen that makes nothing of HTTP/2's preface."""
    everyone: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        everyone.append(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readexactly(len(wire.PREFACE))
            if how == "garbage":
                writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            if how != "stall":
                writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", UNABLE_PORTS[how])
    try:
        yield
    finally:
        server.close()
        for writer in everyone:
            writer.close()


UNABLE = {
    "garbage": (502, b"bad-response", b"14"),
    "close": (502, b"upstream-closed", b"14"),
    "stall": (504, b"timeout", b"4"),
}


@pytest.mark.parametrize("how", UNABLE)
async def test_http_2_to_an_application_that_has_none(mesh: Local, how: str) -> None:
    """A client with prior knowledge is answered, too: at once, or when the route's time is over."""
    status, reason, code = UNABLE[how]
    async with unable(how):
        for port in (mesh.inbound(how), mesh.outbound(how)):
            client = await Client.to(port)
            answer = await client.ask(f"/bad/{how}".encode(), limit=30)
            assert (answer.status, answer.error) == (status, reason)
            answer = await client.ask(f"/bad/{how}".encode(), grpc=True, limit=30)
            assert (answer.status, answer.error, answer.fields[b"grpc-status"]) == (200, reason, code)
            client.transport.abort()
    assert await counted(mesh, f'error="{reason.decode()}"', f'status_code="{status}"', of=how)


async def test_a_slow_reader_of_much(mesh: Local, origin: Origin) -> None:
    """256 MiB for a client that reads nothing at first: neither sidecar keeps what it cannot pass on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", mesh.outbound("web"), limit=1024)
    before = {name: mesh.resident(name) for name in ("caller", "web")}
    writer.write(b"GET /size/%d HTTP/1.1\r\nHost: web\r\n\r\n" % (256 * MIB))
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(2)
    stuck = origin.sent
    await asyncio.sleep(0.5)
    assert origin.sent == stuck  # the application, too, was told to wait
    grown = {name: mesh.resident(name) - before[name] for name in before}
    count = 0
    while count < 256 * MIB:
        data = await asyncio.wait_for(reader.read(MIB), 30)
        assert data
        count += len(data)
    after = {name: mesh.resident(name) - before[name] for name in before}
    writer.close()
    assert max(*grown.values(), *after.values()) < 8 * MIB, (grown, after)


async def test_many_idle_connections(mesh: Local, origin: Origin) -> None:
    """Each has had its answer and stays."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    before = mesh.resident("web")
    writers = []
    try:
        for _ in range(2000):
            reader, writer = await asyncio.open_connection("127.0.0.1", mesh.inbound("web"))
            writers.append(writer)
            writer.write(b"GET /size/1 HTTP/1.1\r\nHost: web\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n0")
        assert mesh.resident("web") - before < 30 * MIB
    finally:
        for writer in writers:
            writer.transport.abort()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
