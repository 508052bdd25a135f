"""How long to wait before something that failed is tried again: longer each time, never in step with others; pure."""

import random
from collections.abc import Callable

STEADY_S = 5.0  # what lived this long was no failure


class Backoff:
    """Waits that double from `first` to `most` seconds, each shortened by up to a half by chance."""

    def __init__(self, first: float = 0.8, most: float = 30.0, chance: Callable[[], float] = random.random) -> None:
        self.first = first
        self.most = most
        self._chance = chance
        self._failures = 0

    def next(self, at_least: float = 0.0) -> float:
        """Return the next wait, not below what the other side asked for."""
        wait = min(self.most, self.first * 2.0 ** min(self._failures, 32))
        self._failures += 1
        return max(at_least, wait * (1.0 - self._chance() / 2.0))

    def after(self, lived: float) -> float:
        """Return the next wait after an attempt that lived for so many seconds; a steady one begins the series anew."""
        if lived >= STEADY_S:
            self.reset()
        return self.next()

    def reset(self) -> None:
        self._failures = 0
