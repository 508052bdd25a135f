"""A small HTTP/1.1 server for pages that answer GET and HEAD: keep-alive, limits, and nothing else.

Used by web. It is no framework on purpose: the demo's requests should be the mesh's, not a framework's.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

IDLE_S = 75.0
FINISH_S = 10.0
HEAD_LIMIT = 32 * 1024


class Request(NamedTuple):
    """One request; names of headers are lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]


class Response(NamedTuple):
    """One response."""

    status: int
    body: bytes
    content_type: str = "application/json"


Answer = Callable[[Request], Awaitable[Response]]


class Server:
    """Answers each request; told to end, it answers those that it has, and closes."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._ending = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, port: int) -> int:
        """Listen on LISTEN (the loopback); return the port."""
        listen = os.environ.get("LISTEN", "127.0.0.1")
        self._server = await asyncio.start_server(self._connected, listen, port, limit=HEAD_LIMIT)
        found: int = self._server.sockets[0].getsockname()[1]
        return found

    async def close(self) -> None:
        """Listen no longer, and finish what is under way."""
        self._server.close()
        self._ending.set()
        if self._connections:
            await asyncio.wait(self._connections, timeout=FINISH_S)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while head := await self._head(reader):
                if not await _exchange(self._answer, head, writer):
                    break
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, ConnectionError, ValueError):
            writer.transport.abort()
        finally:
            writer.close()
            self._connections.discard(task)

    async def _head(self, reader: asyncio.StreamReader) -> str:
        """Return the next request's head; empty: it is time to end."""
        reading = asyncio.ensure_future(reader.readuntil(b"\r\n\r\n"))
        ending = asyncio.ensure_future(self._ending.wait())
        done, _ = await asyncio.wait((reading, ending), timeout=IDLE_S, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if reading in done:
            return reading.result().decode("latin-1")
        reading.cancel()
        return ""


async def _exchange(answer: Answer, head: str, writer: asyncio.StreamWriter) -> bool:
    """Answer one request; return whether the connection goes on."""
    first, *lines = head[:-4].split("\r\n")
    method, target, version = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    keep = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        keep = False  # a body is not read, so nothing after it can be
    url = urlsplit(target)
    if method in ("GET", "HEAD"):
        response = await answer(Request(method, url.path, dict(parse_qsl(url.query)), headers))
    else:
        response = Response(405, b'{"error": "only GET is known here"}')
    reply = (
        f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}\r\n"
        f"content-type: {response.content_type}\r\ncontent-length: {len(response.body)}\r\n"
        f"{'' if keep else 'connection: close' + chr(13) + chr(10)}\r\n"
    ).encode("latin-1")
    writer.write(reply if method == "HEAD" else reply + response.body)
    await writer.drain()
    return keep
