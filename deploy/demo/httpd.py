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


async def start(answer: Answer, port: int) -> asyncio.Server:
    """Listen on LISTEN (the loopback) and answer each request."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await _exchange(answer, reader, writer):
                pass
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, ConnectionError, ValueError):
            writer.transport.abort()
        finally:
            writer.close()

    return await asyncio.start_server(connected, os.environ.get("LISTEN", "127.0.0.1"), port, limit=HEAD_LIMIT)


async def _exchange(answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Answer one request; return whether the connection goes on."""
    async with asyncio.timeout(IDLE_S):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
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
