"""Byte streams on the mesh hop: HTTP/1.1 and opaque TCP through a pair of sidecars, many on one connection."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator

import pytest

from tests.support.mesh import Mesh, Plane
from tests.support.serving import serving

MIB = 1 << 20


async def _origin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A small HTTP/1.1 server: echoes bodies."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next((int(v) for k, _, v in _fields(head) if k == b"content-length"), 0)
            body = await reader.readexactly(length)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


def _fields(head: bytes) -> list[tuple[bytes, bytes, bytes]]:
    lines = [line.partition(b":") for line in head.split(b"\r\n")[1:-2]]
    return [(name.lower(), colon, value.strip()) for name, colon, value in lines]


async def _digest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An opaque server: answers with a digest once the client has shut its side."""
    writer.write(b"\0ready\n")
    digest = hashlib.sha256()
    while data := await reader.read(65536):
        digest.update(data)
    writer.write(digest.digest())
    writer.close()


@pytest.fixture
async def origin() -> AsyncIterator[int]:
    async with serving(_origin) as port:
        yield port


async def _pair(mesh: Mesh, port: int) -> tuple[Plane, Plane, int]:
    far, near = mesh.sidecar("voting"), mesh.sidecar("web")
    return far, near, near.outbound("voting", near.endpoint(far, far.inbound(port)))


async def _ask(port: int, body: bytes, times: int = 1) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(times):
        writer.write(b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert await reader.readexactly(len(body)) == body
    writer.close()
    await writer.wait_closed()


async def test_http1_shares_one_connection(origin: int) -> None:
    async with Mesh() as mesh:
        far, near, entry = await _pair(mesh, origin)
        await asyncio.gather(*[_ask(entry, b"%d" % n * n, 5) for n in range(40)])
        await _ask(entry, os.urandom(8 * MIB))
        await asyncio.sleep(0.05)
        assert len(near.ended.exchanges) == len(far.ended.exchanges) == 201
        assert {x.status for x in far.ended.exchanges} == {200}
        assert {x.client.name for x in far.ended.exchanges} == {"web"}
        assert len(near.fleet._all) == 1
        assert len(near.fleet._all[0].open) == 1


async def test_opaque_bytes_and_half_close() -> None:
    server = await asyncio.start_server(_digest, "127.0.0.1", 0)
    async with Mesh() as mesh:
        _, _, entry = await _pair(mesh, server.sockets[0].getsockname()[1])
        sent = os.urandom(20 * MIB)
        reader, writer = await asyncio.open_connection("127.0.0.1", entry)
        writer.write(b"\xff\xfe" + sent)
        assert await reader.readexactly(7) == b"\0ready\n"
        writer.write_eof()
        assert await reader.read() == hashlib.sha256(b"\xff\xfe" + sent).digest()
        writer.close()
    server.close()


async def test_a_slow_reader_stalls_nobody_else_and_fills_no_memory() -> None:
    release = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readexactly(4) == b"\xff\xffQ\n":
            writer.write(b"quick\n")
        else:
            await release.wait()
            while await reader.read(1 << 20):
                pass
        writer.close()

    server = await asyncio.start_server(slow, "127.0.0.1", 0)
    async with Mesh() as mesh:
        far, near, entry = await _pair(mesh, server.sockets[0].getsockname()[1])
        _, writer = await asyncio.open_connection("127.0.0.1", entry)
        writer.write(b"\xff\xffS\n" + bytes(64 * MIB))
        await asyncio.sleep(0.3)
        reader, quick = await asyncio.open_connection("127.0.0.1", entry)
        quick.write(b"\xff\xffQ\n")
        assert await asyncio.wait_for(reader.readexactly(6), 30) == b"quick\n"
        (carrier,) = near.fleet._all[0].open
        queued = [stream.queued for stream in carrier.h2.streams.values()]
        assert sum(queued) < 2 * MIB
        assert writer.transport.get_write_buffer_size() > 48 * MIB
        release.set()
        await asyncio.wait_for(writer.drain(), 30)
        for each in (writer, quick):
            each.close()
        assert far.host.open
    server.close()


@pytest.mark.parametrize("dead", ["application", "sidecar"])
async def test_what_is_dead_is_told_at_once(dead: str) -> None:
    async with Mesh() as mesh:
        far, near = mesh.sidecar("voting"), mesh.sidecar("web")
        entry = near.outbound("voting", near.endpoint(far, far.inbound(1) if dead == "application" else 1))
        reader, writer = await asyncio.open_connection("127.0.0.1", entry)
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        assert head.startswith((b"HTTP/1.1 503", b"HTTP/1.1 502")), head
        writer.close()
