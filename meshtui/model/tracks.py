"""Between two layers: on which track each line turns, so that no two lines ever share a stretch.

A wire comes from the left at its exit, runs up or down its track, and goes right at each of its entries. A wire
whose exit is level with another's entry must turn before it; where such demands form a circle, one wire turns
twice, by way of a row that nobody else uses. Pure; `layout` calls it for every gap.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)
Turns = list[tuple[int, int | None]]  # track, and the row it leads to (None: the wire's entries)


@dataclass(slots=True)
class Wire:
    """Where a line comes in on the left, and where it goes out on the right."""

    exit: int
    entries: list[int]

    @property
    def span(self) -> tuple[int, int]:
        """The rows its track covers."""
        return min(self.exit, *self.entries), max(self.exit, *self.entries)

    @property
    def straight(self) -> bool:
        """Whether it needs no track."""
        return self.entries == [self.exit]


def assign(wires: Mapping[Name, Wire]) -> dict[Name, Turns]:
    """Return the turns of every wire; exits are all different, and so are entries."""
    turns: dict[Name, Turns] = {name: [] for name in wires}
    waiting = {name: wire for name, wire in wires.items() if not wire.straight}
    used = {row for wire in wires.values() for row in (wire.exit, *wire.entries)}
    placed: list[tuple[int, Wire]] = []
    while waiting:
        free = [name for name in waiting if not _blocked(name, waiting)]
        if free:
            name = min(free, key=lambda each: (_cost(each, waiting), waiting[each].span, waiting[each].exit))
            wire = waiting.pop(name)
            turns[name].append((_track(wire, placed), None))
        else:
            name = min(waiting, key=lambda each: (waiting[each].span, waiting[each].exit))
            wire = waiting[name]
            row = _row(wire, used)
            used.add(row)
            first = Wire(wire.exit, [row])
            turns[name].append((_track(first, placed), row))
            waiting[name] = Wire(row, wire.entries)
    return turns


def _blocked(name: Name, waiting: Mapping[Name, Wire]) -> bool:
    """Tell whether another wire must turn before this one: one whose exit is level with an entry of this one."""
    entries = set(waiting[name].entries)
    return any(other != name and wire.exit in entries for other, wire in waiting.items())


def _cost(name: Name, waiting: Mapping[Name, Wire]) -> int:
    """Return how many crossings more it makes to turn before all others than after them."""
    mine = waiting[name]
    return sum(_crossings(mine, other) - _crossings(other, mine) for key, other in waiting.items() if key != name)


def _crossings(first: Wire, second: Wire) -> int:
    """Return the crossings of two wires if `first` turns first."""
    low, high = first.span
    before = low < second.exit < high
    low, high = second.span
    return before + sum(low < entry < high for entry in first.entries)


def _track(wire: Wire, placed: list[tuple[int, Wire]]) -> int:
    """Return the first track after all those placed earlier that cover a row of this wire's."""
    low, high = wire.span
    track = 1 + max((at for at, other in placed if other.span[0] <= high and low <= other.span[1]), default=-1)
    placed.append((track, wire))
    return track


def _row(wire: Wire, used: set[int]) -> int:
    """Return an unused row, as near as possible to the middle of a wire."""
    low, high = wire.span
    middle = (low + high) // 2
    return next(
        row for away in range(len(used) + 1) for row in (middle + away, middle - away) if row >= 0 and row not in used
    )
