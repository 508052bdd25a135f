"""A server of a test's own on a free port of loopback, for as long as a test needs it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(client: Client, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Have `client` called for each connection; yields the port."""
    server = await asyncio.start_server(client, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()
