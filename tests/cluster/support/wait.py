"""Waiting for a cluster to become what it was told to be."""

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


def until(ask: Callable[[], Answer | None], seconds: float, what: str, every: float = 0.1) -> Answer:
    """Ask until the answer is something, and return it; fails with what was waited for and the last answer."""
    end = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:.0f} s for {what}; it is {answer!r}")
        time.sleep(every)
