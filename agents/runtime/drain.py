"""Draining: how a process goes away without breaking what is open.

`begin` is called once, on SIGTERM; whoever listens stops taking new work. Work that must be finished is counted with
`enter` and `leave`, and `finished` waits for the last of it.
"""

import asyncio
import contextlib
from collections.abc import Callable


class Drain:
    """One per process."""

    def __init__(self) -> None:
        self.draining = False
        self.busy = 0
        self._listeners: list[Callable[[], None]] = []
        self._idle = asyncio.Event()

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call `listener` when draining begins; at once if it has."""
        if self.draining:
            listener()
        else:
            self._listeners.append(listener)

    def begin(self) -> None:
        """Take no new work from now on."""
        if self.draining:
            return
        self.draining = True
        if not self.busy:
            self._idle.set()
        for listener in self._listeners:
            listener()

    def enter(self) -> None:
        """One more piece of work is open."""
        self.busy += 1
        self._idle.clear()

    def leave(self) -> None:
        """One piece of work is finished."""
        self.busy -= 1
        if self.draining and self.busy <= 0:
            self._idle.set()

    async def finished(self, limit_s: float) -> bool:
        """Wait until no work is open; False if some still is after `limit_s`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._idle.wait()
        return self._idle.is_set()
