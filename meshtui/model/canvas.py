"""A canvas of character cells: boxes, lines that join in proper corners and tees, and text on top.

Lines belong to nets. Where two lines of one net meet they join; where lines of different nets cross, one of them
passes over the other, so that a crossing is never read as a junction. Pure; `drawing` draws graphs on it, once a
second, so what a line covers is worked out once (`stroke`) and each cell costs a lookup.
"""

import unicodedata
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

from rich.cells import cell_len

from meshtui.model.cell import Cell, Level

Line = list[Cell]
Point = tuple[int, int]  # column, row
Stroke = list[tuple[Point, int]]  # cells and the arms of a line in them

# Arms of a line in a cell, two bits each: light 1, heavy 2 (both: heavy).
UP, RIGHT, DOWN, LEFT = 0x01, 0x04, 0x10, 0x40
_LIGHT = UP | RIGHT | DOWN | LEFT
_HEAVY = _LIGHT << 1
_FLAT = 3 * (RIGHT | LEFT)
_UPRIGHT = 3 * (UP | DOWN)
_WAYS = {(0, -1): UP, (1, 0): RIGHT, (0, 1): DOWN, (-1, 0): LEFT}

_RANKED = (Level.DIM, Level.PLAIN, Level.GOOD, Level.ACCENT, Level.WARN, Level.BAD)  # by urgency
_RANK = {level: rank for rank, level in enumerate(_RANKED)}
_WORDS = {"UP": UP, "RIGHT": RIGHT, "DOWN": DOWN, "LEFT": LEFT, "VERTICAL": UP | DOWN, "HORIZONTAL": LEFT | RIGHT}
_ROUND = {RIGHT | DOWN: "╭", LEFT | DOWN: "╮", UP | RIGHT: "╰", UP | LEFT: "╯"}


class Canvas:
    """Cells to draw on; text outside is ignored."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._lines: dict[Point, tuple[int, int, int]] = {}  # net, arms, rank
        self._crossed: dict[Point, tuple[int, int, int]] = {}  # the second net of a cell
        self._text: dict[Point, Cell] = {}
        self._used: list[set[int]] | None = None  # columns in use, by row

    def text(self, x: int, y: int, text: str, level: Level = Level.PLAIN) -> int:
        """Write text over whatever is there; return the column after it."""
        for char in text:
            size = cell_len(char)
            if size and 0 <= y < self.height and x >= 0 and x + size <= self.width:
                self._text[x, y] = Cell(char, level)
                for behind in range(1, size):
                    self._text[x + behind, y] = Cell("", level)
            x += size
        return x

    def draw(self, net: int, cells: Stroke, level: Level = Level.PLAIN, *, heavy: bool = False) -> None:
        """Draw a line of a net; where several share a cell, the most urgent level shows."""
        rank, weight, lines = _RANK[level], 2 if heavy else 1, self._lines
        for point, arms in cells:
            old = lines.get(point)
            if old is None:
                lines[point] = (net, arms * weight, rank)
            elif old[0] == net:
                lines[point] = (net, old[1] | arms * weight, max(old[2], rank))
            else:
                other = self._crossed.get(point, (net, 0, 0))
                self._crossed[point] = (net, other[1] | arms * weight, max(other[2], rank))

    def lines(self, *, ascii: bool = False) -> list[Line]:
        """Return the picture, each line as runs of one level up to its last cell in use."""
        return [self.line(y, ascii=ascii) for y in range(self.height)]

    def line(self, y: int, *, ascii: bool = False) -> Line:
        """Return one line of the picture; nothing may be drawn after the first one was asked for."""
        if self._used is None:
            self._used = [set() for _ in range(self.height)]
            for points in (self._lines, self._text):
                for x, row in points:
                    self._used[row].add(x)
        return self._line(y, sorted(self._used[y]), ascii=ascii)

    def _line(self, y: int, columns: Sequence[int], *, ascii: bool) -> Line:
        runs: Line = []
        signs, level, end = "", Level.PLAIN, 0
        for x in columns:
            char, here = self._text.get((x, y)) or self._sign((x, y), ascii=ascii)
            if here is not level and signs:
                runs.append(Cell(signs, level))
                signs = ""
            if x > end:
                signs += " " * (x - end)
            signs += char
            level, end = here, x + 1
        return [*runs, Cell(signs, level)] if signs else runs

    def _sign(self, point: Point, *, ascii: bool) -> tuple[str, Level]:
        """Return what a line's cell shows: of two that cross the heavier one is on top, then the upright one."""
        _, arms, rank = self._lines[point]
        other = self._crossed.get(point)
        if other is not None:
            over, under = (bool(each & _HEAVY) for each in (other[1], arms))
            if over > under or (over == under and other[1] & _UPRIGHT):
                _, arms, rank = other
        return glyph(arms, ascii=ascii), _RANKED[rank]


def stroke(points: Sequence[Point]) -> Stroke:
    """Return the cells of a line through points that lie straight below or beside each other."""
    cells: dict[Point, int] = {}
    for (x, y), (to_x, to_y) in pairwise(points):
        way = ((to_x > x) - (to_x < x), (to_y > y) - (to_y < y))
        if all(way):
            raise ValueError(f"a line from {x},{y} to {to_x},{to_y} is not straight")
        for step in range(abs(to_x - x) + abs(to_y - y)):
            here = (x + step * way[0], y + step * way[1])
            there = (here[0] + way[0], here[1] + way[1])
            cells[here] = cells.get(here, 0) | _WAYS[way]
            cells[there] = cells.get(there, 0) | _WAYS[-way[0], -way[1]]
    return list(cells.items())


def frame(x: int, y: int, width: int, height: int) -> Stroke:
    """Return the cells of the border of a box."""
    right, bottom = x + width - 1, y + height - 1
    return stroke([(x, y), (right, y), (right, bottom), (x, bottom), (x, y)])


def plain(lines: Sequence[Line]) -> str:
    """Return lines of cells as text, to copy or to save."""
    return "\n".join("".join(cell.text for cell in line).rstrip() for line in lines)


@cache
def glyph(arms: int, *, ascii: bool = False) -> str:
    """Return the character that has these arms."""
    heavy = arms & _HEAVY
    arms = heavy | (arms & ~(heavy >> 1))
    if not ascii:
        return _glyphs().get(arms, "┼")
    if arms & _FLAT and arms & _UPRIGHT:
        return "+"
    if arms & _FLAT:
        return "=" if heavy else "-"
    return "#" if heavy else "|"


@cache
def _glyphs() -> dict[int, str]:
    """Return the box-drawing characters by their arms, as their Unicode names tell them."""
    found: dict[int, str] = {}
    for char in map(chr, range(0x2500, 0x2580)):
        arms = _named(unicodedata.name(char).removeprefix("BOX DRAWINGS ").split())
        if arms is not None:
            found.setdefault(arms, char)
    return found | _ROUND


def _named(words: list[str]) -> int | None:
    """Read `LIGHT DOWN AND RIGHT`, `DOWN HEAVY AND RIGHT UP LIGHT`; None for dashes, arcs and doubles."""
    arms = part = weight = leading = 0
    for word in [*words, "AND"]:
        if word in ("LIGHT", "HEAVY"):
            weight = 1 if word == "LIGHT" else 2
            leading = leading or (weight if not part and not arms else 0)
        elif word in _WORDS:
            part |= _WORDS[word]
        elif word == "AND":
            arms |= part * (weight or leading)
            part = weight = 0
        else:
            return None
    return arms
