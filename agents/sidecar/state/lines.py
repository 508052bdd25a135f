"""When a line of log is due about something that may happen thousands of times a second.

state/refusals and state/violations count, and ask here. Keys come from sets that are bounded, and so is what is kept.
"""

from typing import Final

QUIET_S: Final = 10.0  # between two lines about the same thing


class Lines:
    """What was said last about each thing."""

    __slots__ = ("_said",)

    def __init__(self) -> None:
        self._said: dict[tuple[str, ...], tuple[float, int]] = {}  # when, and the count at that time

    def due(self, key: tuple[str, ...], total: int, now: float) -> int:
        """Return how many a line is due for, of `total` so far; 0: none is due."""
        then, told = self._said.get(key, (now - QUIET_S, 0))
        if now - then < QUIET_S:
            return 0
        self._said[key] = (now, total)
        return total - told
