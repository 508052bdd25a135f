"""Makes room when too many bytes wait: whoever has taken nothing from one sweep to the next is cut off.

host/host looks with every sweep. Without it a few readers that stand still would have every other client refused for as
long as they like; slow readers, who do take something, are left alone, and so is everybody while there is room.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from agents.sidecar.state.bounds import BYTES, Bounds

Mark = tuple[int, ...]  # moves on with every byte that is taken


class Standing(Protocol):
    """A request or a tunnel with bytes that wait."""

    def cut(self, why: str) -> None:
        """End it now, for this reason."""


class Holder(Protocol):
    """A client's connection."""

    def standing(self) -> Iterator[tuple[Standing, Mark]]:
        """Yield what waits on it."""


class Shed:
    """What was waiting at the last sweep, while there was too much."""

    __slots__ = ("_before", "_bounds")

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._before: dict[Standing, Mark] = {}

    def look(self, connections: Iterable[Holder]) -> None:
        """Cut off who stands still, as long as more waits than may."""
        bounds = self._bounds
        if bounds.waiting <= bounds.waited:
            self._before.clear()
            return
        still: list[Standing] = []
        now: dict[Standing, Mark] = {}
        for connection in connections:
            for standing, mark in connection.standing():
                if self._before.get(standing) == mark:
                    still.append(standing)
                else:
                    now[standing] = mark
        self._before = now
        for standing in still:
            bounds.refused[BYTES] += 1
            standing.cut(BYTES)
