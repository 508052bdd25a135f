"""Waiting: for a stream whose other end may say nothing for long, with something to do meanwhile; or for nothing.

A read of gRPC's cannot be given up and begun again, so it goes on while the time passes. Services call these; nothing
of what they wait for may come in.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TypeVar

Message = TypeVar("Message")


async def at_once() -> None:
    """Wait for nothing: what there is to know is known."""


async def patiently(
    messages: AsyncIterator[Message], wait: Callable[[], float | None]
) -> AsyncGenerator[Message | None, None]:
    """Yield what comes, and None each time that nothing came for `wait()` seconds; None there: it does not matter."""
    coming = asyncio.ensure_future(_next(messages))
    try:
        while True:
            done, _ = await asyncio.wait((coming,), timeout=wait())
            if not done:
                yield None
                continue
            message = coming.result()
            if message is None:
                return
            coming = asyncio.ensure_future(_next(messages))
            yield message
    finally:
        coming.cancel()
        await asyncio.wait((coming,))


async def _next(messages: AsyncIterator[Message]) -> Message | None:
    return await anext(messages, None)
