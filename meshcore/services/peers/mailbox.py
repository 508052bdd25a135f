"""What waits to be told to one other replica: in order, bounded, and in batches. Pure but for the event that wakes."""

import asyncio
from collections import deque

from meshcore.wire.peers_pb2 import Happening

MOST = 128 << 20  # bytes that may wait for a replica that reads too slowly
BATCH = 1 << 20


class Mailbox:
    """A replica's news. Once too much waits, it is `full` for good: the replica has to begin anew."""

    def __init__(self, most: int = MOST, batch: int = BATCH) -> None:
        self.news = asyncio.Event()
        self.full = False
        self._most = most
        self._batch = batch
        self._waiting: deque[tuple[int, Happening]] = deque()
        self._bytes = 0

    def put(self, happening: Happening) -> None:
        """Add a piece of news."""
        if self.full:
            return
        size = happening.ByteSize()
        self._bytes += size
        if self._bytes > self._most:
            self.full = True
            self._waiting.clear()
        else:
            self._waiting.append((size, happening))
        self.news.set()

    def take(self) -> list[Happening]:
        """Return the oldest that waits, as much as travels well together; nothing: that was all."""
        taken: list[Happening] = []
        size = 0
        while self._waiting and size < self._batch:
            one, happening = self._waiting.popleft()
            size += one
            taken.append(happening)
        self._bytes -= size
        if not self._waiting and not self.full:
            self.news.clear()
        return taken
