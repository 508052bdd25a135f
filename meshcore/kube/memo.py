"""Answers remembered for seconds, so many at most; a question that is being asked is not asked twice.

Used for reviews, whose answers may change at any time but not within one.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Memo(Generic[Answer]):
    """Answers by question. `keep` says for how many seconds one is good; failures are not kept."""

    def __init__(
        self, keep: Callable[[Answer], float], most: int = 4096, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._keep = keep
        self._most = most
        self._now = now
        self._known: OrderedDict[Hashable, tuple[float, Answer]] = OrderedDict()
        self._asking: dict[Hashable, asyncio.Task[Answer]] = {}

    def __len__(self) -> int:
        return len(self._known)

    async def get(self, question: Hashable, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return the answer to a question, asking only if it is not known."""
        known = self._known.get(question)
        if known is not None:
            if self._now() < known[0]:
                self._known.move_to_end(question)
                return known[1]
            del self._known[question]
        task = self._asking.get(question)
        if task is None:
            task = self._asking[question] = asyncio.ensure_future(self._ask(question, ask))
            task.add_done_callback(_taken)
        return await asyncio.shield(task)  # one who goes away must not take the answer from the others

    async def _ask(self, question: Hashable, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            answer = await ask()
        finally:
            del self._asking[question]
        self._known[question] = (self._now() + self._keep(answer), answer)
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return answer


def _taken(task: asyncio.Task[Answer]) -> None:
    """Look at a failure that nobody waited for any more, or asyncio would complain of it."""
    if not task.cancelled():
        task.exception()
