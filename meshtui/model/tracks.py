"""Between two layers: on which track each line turns, so that no two lines ever share a stretch.

A wire comes from the left at its exit, runs up or down its track, and goes right at each of its entries. A wire
whose exit is level with another's entry must turn before it; where such demands form a circle, one wire turns
twice, by way of a row that nobody else uses. Pure; `layout` calls it for every gap.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

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
    used = {row for wire in wires.values() for row in (wire.exit, *wire.entries)}
    waiting = _Waiting({name: wire for name, wire in wires.items() if not wire.straight})
    placed: list[tuple[int, Wire]] = []
    while waiting.wires:
        name = waiting.free()
        if name is not None:
            turns[name].append((_track(waiting.wires[name], placed), None))
            waiting.drop(name)
        else:
            name = min(waiting.wires, key=lambda each: (waiting.wires[each].span, waiting.wires[each].exit))
            wire = waiting.wires[name]
            row = _row(wire, used)
            used.add(row)
            turns[name].append((_track(Wire(wire.exit, [row]), placed), row))
            waiting.drop(name)
            waiting.add(name, Wire(row, wire.entries))
    return turns


class _Waiting(Generic[Name]):
    """The wires that have no track yet, and how many crossings it costs to take each of them next."""

    def __init__(self, wires: Mapping[Name, Wire]) -> None:
        self.wires: dict[Name, Wire] = {}
        self._exits: dict[int, Name] = {}
        self._costs: dict[Name, int] = {}
        self._between: dict[Name, dict[Name, int]] = {}  # what a wire's cost owes to another
        for name, wire in wires.items():
            self.add(name, wire)

    def add(self, name: Name, wire: Wire) -> None:
        """Let a wire wait."""
        low, high = wire.span
        mine: dict[Name, int] = {}
        for other, rival in self.wires.items():
            if rival.span[0] <= high and low <= rival.span[1]:
                cost = _crossings(wire, rival) - _crossings(rival, wire)
                mine[other] = cost
                self._between[other][name] = -cost
                self._costs[other] -= cost
        self.wires[name], self._between[name], self._exits[wire.exit] = wire, mine, name
        self._costs[name] = sum(mine.values())

    def drop(self, name: Name) -> None:
        """Forget a wire."""
        del self._exits[self.wires.pop(name).exit]
        for other in self._between.pop(name):
            self._costs[other] -= self._between[other].pop(name)

    def free(self) -> Name | None:
        """Return the best wire to take next: none whose entries are level with the exit of another may go first."""
        free = [
            name
            for name, wire in self.wires.items()
            if all(self._exits.get(entry, name) == name for entry in wire.entries)
        ]
        return min(
            free, key=lambda each: (self._costs[each], self.wires[each].span, self.wires[each].exit), default=None
        )


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
