"""HTTP/1 through a pair of sidecars over the mesh hop, against an application that does what applications do."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.support.mesh import Mesh, Plane

UPGRADE = b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"


class Application:
    """One path, one behaviour."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self.heads: list[bytes] = []
        self._server: asyncio.Server

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._client, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        self._server.close()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                if not await self._answer(head.split(b" ")[1], reader, writer):
                    break
        writer.close()

    async def _answer(self, path: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        match path:
            case b"/ws":
                writer.write(SWITCHED)
                while data := await reader.read(65536):
                    writer.write(data.upper())
                return False
            case b"/chunks":
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                for part in (b"one", b"two" * 1000):
                    writer.write(b"%x\r\n%b\r\n" % (len(part), part))
                    await asyncio.sleep(0.01)
                writer.write(b"0\r\nX-Sum: 2\r\n\r\n")
            case b"/rest":
                writer.write(b"HTTP/1.0 200 OK\r\n\r\nall the rest")
                return False
            case b"/continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = await reader.readexactly(4)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + body)
            case b"/cut":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot all")
                return False
            case b"/garbage":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")
            case _:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        return True


class Pair:
    """Client's and application's sidecar."""

    def __init__(self, mesh: Mesh, application: Application) -> None:
        self.far: Plane = mesh.sidecar("voting")
        self.near: Plane = mesh.sidecar("web")
        self.port = self.near.outbound("voting", self.near.endpoint(self.far, self.far.inbound(application.port)))

    async def ask(self, data: bytes, *more: bytes, until: bytes | None = None) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        answer = b""
        for part in (data, *more):
            writer.write(part)
            await asyncio.sleep(0.05)
        if until is not None:
            answer = await asyncio.wait_for(reader.readuntil(until), 30)
        else:
            answer = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        await asyncio.sleep(0.02)
        return answer


@pytest.fixture
async def application() -> AsyncIterator[Application]:
    made = Application()
    await made.start()
    yield made
    made.stop()


@pytest.fixture
async def pair(application: Application) -> AsyncIterator[Pair]:
    async with Mesh() as mesh:
        yield Pair(mesh, application)


def get(path: bytes, *lines: bytes) -> bytes:
    return b"\r\n".join([b"GET %b HTTP/1.1" % path, b"Host: a", *lines, b"", b""])


async def test_websocket(pair: Pair) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", pair.port)
    writer.write(UPGRADE + b"early")
    assert await reader.readexactly(len(SWITCHED) + 5) == SWITCHED + b"EARLY"
    writer.write(b"x" * 300_000)
    assert await reader.readexactly(300_000) == b"X" * 300_000
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), 30) == b""
    writer.close()
    await asyncio.sleep(0.05)
    for plane in (pair.near, pair.far):
        assert [(x.status, x.error) for x in plane.ended.exchanges] == [(101, "")]


async def test_chunks_and_trailers(pair: Pair) -> None:
    answer = await pair.ask(get(b"/chunks"), until=b"\r\n0\r\nX-Sum: 2\r\n\r\n")
    assert answer.count(b"two") == 1000
    assert pair.near.ended.exchanges[0].trailers == [(b"x-sum", b"2")]


async def test_until_close(pair: Pair) -> None:
    assert await pair.ask(get(b"/rest")) == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall the rest"


async def test_continue(pair: Pair) -> None:
    head = b"POST /continue HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    answer = await pair.ask(head, b"body", until=b"body")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


async def test_pipeline(pair: Pair, application: Application) -> None:
    answer = await pair.ask(get(b"/1") * 50 + get(b"/2", b"Connection: close"))
    assert answer.count(b"HTTP/1.1 200 OK") == 51
    assert application.connections == 1
    client = b"meshtui-client-id: " + pair.near.me.identity.encode()
    assert application.heads[-1] == get(b"/2", client)  # what concerned our connection alone has gone


async def test_cut_short_is_seen_by_the_client(pair: Pair) -> None:
    with contextlib.suppress(ConnectionResetError):
        assert (await pair.ask(get(b"/cut"))).endswith(b"not all")
    assert [x.error for x in pair.near.ended.exchanges] != [""]


async def test_garbage_is_a_502_with_a_reason(pair: Pair) -> None:
    answer = await pair.ask(get(b"/garbage"), until=b"bad-response\n")
    assert answer.startswith(b"HTTP/1.1 502 Bad Gateway\r\nmeshtui-error: bad-response\r\n")


async def test_an_application_that_is_away_and_comes_back(pair: Pair, application: Application) -> None:
    application.stop()
    answer = await pair.ask(get(b"/"), until=b"connect-refused\n")
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\nmeshtui-error: connect-refused\r\n")
    await application.start()
    assert await pair.ask(get(b"/"), until=b"ok") == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def test_both_sides_agree(pair: Pair) -> None:
    for path in (b"/", b"/chunks", b"/garbage"):
        await pair.ask(get(path, b"Connection: close"))
    near = [(x.path, x.status, x.classification) for x in pair.near.ended.exchanges]
    far = [(x.path, x.status, x.classification) for x in pair.far.ended.exchanges]
    assert near == far
    assert {x.client.pod for x in pair.far.ended.exchanges} == {"web-0"}
