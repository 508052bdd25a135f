"""Waiting, in a test's own event loop, for what comes about by itself. The bound is more than any machine needs."""

import asyncio
from collections.abc import Callable


async def until(true: Callable[[], object], seconds: float = 60.0) -> None:
    """Look again until it holds; raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)
