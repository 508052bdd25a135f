"""What a table is made of: cells with a meaning, and columns that make cells from rows.

Columns are pure and shared: the grid paints them, the command line prints them. A level says what a
value means; themes and terminals decide how that looks, and a sign stands beside it where colour is absent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, Literal, NamedTuple, TypeVar

Row = TypeVar("Row")


class Level(Enum):
    """What a value means to somebody on call."""

    PLAIN = "plain"
    DIM = "dim"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    ACCENT = "accent"


class Cell(NamedTuple):
    """Text of one cell and what it means."""

    text: str
    level: Level = Level.PLAIN


NOTHING = Cell("-", Level.DIM)


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """One column over rows of type `Row`.

    `sort` gives a value that orders rows (None sorts last in either direction); `width` is a minimum in
    cells, 0 lets the content decide; `wide` columns show only when asked for (`-o wide`, ctrl-w);
    `hotkey` is the letter that sorts by it with shift; `descending` is its first sort order.
    """

    key: str
    title: str
    cell: Callable[[Row], Cell]
    sort: Callable[[Row], Any]
    align: Literal["left", "right"] = "left"
    width: int = 0
    wide: bool = False
    hotkey: str = ""
    descending: bool = False
