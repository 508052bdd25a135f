"""CONNECT for an application that is itself a proxy: a tunnel through its sidecar, or through a pair, to the last byte.

The sidecars' own proxy port, which answers CONNECT itself, is another matter (tests/flows/test_ways).
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import pytest_asyncio

from tests.support.serving import serving
from tests.support.solo import Sidecar, Solo

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

LIMIT_S = 60.0
MIB = 1 << 20
DENIED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"


class Proxy:
    """An application that opens tunnels on this machine, denies others, and answers what is no CONNECT."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []

    async def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                method, target = head.split(b" ")[:2]
                host, _, port = target.rpartition(b":")
                if method == b"CONNECT" and host == b"127.0.0.1":
                    await self._tunnel(int(port), reader, writer)
                    break
                writer.write(DENIED)
        writer.close()

    async def _tunnel(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Yes\r\nProxy-Agent: test\r\n\r\n")
        await asyncio.gather(_carry(reader, back), _carry(there, writer))
        back.close()


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Carry bytes one way, the end of them too."""
    while data := await source.read(1 << 16):
        sink.write(data)
        await sink.drain()
    sink.write_eof()


async def _server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Echo a word, then say the digest of everything up to the client's last byte; or end first if that is asked."""
    word = await reader.readexactly(5)
    writer.write(word)
    if word == b"leave":
        writer.close()
        return
    digest = hashlib.sha256()
    while data := await reader.read(1 << 16):
        digest.update(data)
    writer.write(digest.digest())
    writer.close()


class Ends:
    """Where to dial, and what is behind it."""

    def __init__(self, port: int, proxy: Proxy, server: int, sidecars: list[Sidecar]) -> None:
        self.port = port
        self.proxy = proxy
        self.server = server
        self.sidecars = sidecars


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["inbound", "pair"])
async def ends(request: pytest.FixtureRequest) -> AsyncIterator[Ends]:
    proxy = Proxy()
    async with serving(proxy.client) as application, serving(_server) as server, Solo() as solo:
        web = await solo.inbound("web", application)
        near = await solo.outbound("caller", web) if request.param == "pair" else web
        yield Ends(near.port, proxy, server, [*{web.name: web, near.name: near}.values()])


def _connect(port: int, host: bytes = b"127.0.0.1") -> bytes:
    return b"CONNECT %b:%d HTTP/1.1\r\nHost: %b:%d\r\n\r\n" % (host, port, host, port)


async def _open(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), LIMIT_S)


async def _head(reader: asyncio.StreamReader) -> bytes:
    return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT_S)


@pytest.mark.parametrize("early", [b"", b"early"], ids=["after the answer", "with the request"])
async def test_a_tunnel_to_the_last_byte_of_either_side(ends: Ends, early: bytes) -> None:
    reader, writer = await _open(ends.port)
    writer.write(_connect(ends.server) + early)
    head = await _head(reader)
    assert head.startswith(b"HTTP/1.1 200 Yes\r\n"), head
    assert b"content-length" not in head.lower()
    assert b"transfer-encoding" not in head.lower()
    if not early:
        writer.write(b"hello")
    assert await asyncio.wait_for(reader.readexactly(5), LIMIT_S) == (early or b"hello")
    much = bytes(range(256)) * (4 * MIB // 256)
    writer.write(b"GET / HTTP/1.1\r\n\r\n" + much)  # of what is in it, nothing is looked at
    writer.write_eof()
    rest = await asyncio.wait_for(reader.read(), LIMIT_S)  # after its last byte the client hears the server's
    assert rest == hashlib.sha256(b"GET / HTTP/1.1\r\n\r\n" + much).digest()
    writer.close()
    request = b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n" % ends.server
    assert ends.proxy.heads[-1].startswith(request)
    for sidecar in ends.sidecars:
        assert await sidecar.counts("response_total", 'status_code="200"', 'classification="success"')
        assert await sidecar.until(0, "meshtui_limit_used", 'limit="requests"') == 0


async def test_a_server_that_ends_first(ends: Ends) -> None:
    reader, writer = await _open(ends.port)
    writer.write(_connect(ends.server) + b"leave")
    assert (await _head(reader)).startswith(b"HTTP/1.1 200 Yes\r\n")
    assert await asyncio.wait_for(reader.read(), LIMIT_S) == b"leave"
    writer.close()


async def test_a_tunnel_that_is_denied_leaves_the_connection_as_it_was(ends: Ends) -> None:
    reader, writer = await _open(ends.port)
    for _ in range(2):
        writer.write(_connect(443, b"elsewhere.example"))
        assert (await _head(reader)).startswith(b"HTTP/1.1 403 Forbidden\r\n")
        assert await asyncio.wait_for(reader.readexactly(2), LIMIT_S) == b"no"
    writer.write(_connect(ends.server) + b"hello")
    assert (await _head(reader)).startswith(b"HTTP/1.1 200 Yes\r\n")
    assert await asyncio.wait_for(reader.readexactly(5), LIMIT_S) == b"hello"
    writer.close()


@pytest.mark.parametrize("line", [b"CONNECT /a", b"CONNECT 127.0.0.1", b"CONNECT http://127.0.0.1:80"])
async def test_what_is_no_authority_reaches_nobody(ends: Ends, line: bytes) -> None:
    before = len(ends.proxy.heads)
    reader, writer = await _open(ends.port)
    writer.write(line + b" HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n")
    assert (await _head(reader)).startswith(b"HTTP/1.1 400 Bad Request\r\n")
    await asyncio.wait_for(reader.read(), LIMIT_S)  # and closed
    writer.close()
    assert len(ends.proxy.heads) == before
