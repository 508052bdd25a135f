"""An application for the peers tier: answers by path, one way of HTTP/1.1 or of misbehaving each.

`/size/N` sends N bytes, `/drip/N` N events, `/echo` counts what came, `/switch` agrees to an upgrade and repeats all.
`/bad/…` is what no server should do. It reads with the strictness of a test that knows its clients.
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

PIECE = b"0123456789abcdef" * 4096


class Origin:
    """What it has seen."""

    def __init__(self) -> None:
        self.requests = 0
        self.heads: list[bytes] = []
        self.sent = 0  # bytes of the response in progress
        self.ended = asyncio.Event()  # a client left
        self._open: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def serve(self, port: int, host: str = "127.0.0.1") -> AsyncIterator[None]:
        """Listen on a port, or on a path if it has a slash."""
        if "/" in host:
            server = await asyncio.start_unix_server(self._connected, host)
        else:
            server = await asyncio.start_server(self._connected, host, port)
        try:
            yield
        finally:
            server.close()
            for writer in tuple(self._open):
                writer.transport.abort()
            await asyncio.sleep(0.05)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            while await self._request(reader, writer):
                pass
        self.ended.set()
        self._open.discard(writer)
        with suppress(OSError):
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests += 1
        self.heads.append(head)
        _, target, _ = head.split(b"\r\n", 1)[0].split(b" ")
        room, _, word = target.decode().strip("/").partition("/")
        if b"expect: 100-continue" in head.lower():
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if room == "bad":
            return await self._bad(word, reader, writer)
        if room == "size":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % int(word))
            for at in range(0, int(word), len(PIECE)):
                writer.write(PIECE[: int(word) - at])
                await writer.drain()
                self.sent = at + len(PIECE)
        elif room == "drip":
            old = b" HTTP/1.0\r\n" in head  # knows no chunks
            coding = b"" if old else b"Transfer-Encoding: chunked\r\n"
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n%b\r\n" % coding)
            for number in range(int(word)):
                event = b"data: %d\n\n" % number
                writer.write(event if old else b"%x\r\n%b\r\n" % (len(event), event))
                await asyncio.sleep(0.02)
            if old:
                return False
            writer.write(b"0\r\n\r\n")
        elif room == "switch":
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.write(b"bye")
            return False
        else:
            count = await self._body(head, reader)
            text = b"%d" % count
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))
        await writer.drain()
        return True

    async def _body(self, head: bytes, reader: asyncio.StreamReader) -> int:
        """Read a body and return its size."""
        count = 0
        for line in head.lower().split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name == b"content-length":
                left = int(value)
                while left:
                    data = await reader.read(min(left, 65536))
                    if not data:
                        raise asyncio.IncompleteReadError(b"", left)
                    left -= len(data)
                    count += len(data)
            elif name == b"transfer-encoding":
                while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                    await reader.readexactly(size + 2)
                    count += size
                await reader.readuntil(b"\r\n")
        return count

    async def _bad(self, word: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if word == "reset":
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(1, 13, linger)
        elif word == "stall":
            await reader.read()
        elif word == "garbage":
            writer.write(b"\x00\x01garbage\r\n\r\n")
        elif word == "half":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
        elif word == "half-head":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-")
        elif word == "twice":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none" * 2)
            await reader.read()
        return False
