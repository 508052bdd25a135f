"""The trend column of the stat table, and the arrows beside the figures that moved.

Screens decorate the columns of `columns.stat` with it; the command line prints them bare, as a pipe has no trend.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from meshcore.wire.stats_pb2 import StatRow
from meshtui.model import trend
from meshtui.model.cell import NOTHING, Cell, Column, Level

WIDTH = 12
HEADROOM = 1.2  # lines of full blocks would run together with the rows above them
AFTER = "rps"  # the sparkline is of the rate, so it stands beside it


def with_trend(columns: Sequence[Column[StatRow]], *, width: int = WIDTH, ascii: bool = False) -> list[Column[StatRow]]:
    """Return `columns` with a sparkline of the rate, and arrows beside success and p95 where they moved."""
    found: list[Column[StatRow]] = []
    for column in columns:
        if column.key == "success":
            found.append(_marked(column, lambda row: trend.drift(row.series).success, good=1, ascii=ascii))
        elif column.key == "p95":
            found.append(_marked(column, lambda row: trend.drift(row.series).latency, good=-1, ascii=ascii))
        else:
            found.append(column)
        if column.key == AFTER:
            found.append(column_of(width=width, ascii=ascii))
    return found


def column_of(*, width: int = WIDTH, ascii: bool = False) -> Column[StatRow]:
    """Return the sparkline column; it sorts by how much the rate of the newest steps differs from the mean."""

    def cell(row: StatRow) -> Cell:
        busiest = max((rps for rps in row.series.rps if math.isfinite(rps)), default=0.0)
        if not busiest:
            return NOTHING
        return Cell(trend.spark(row.series.rps, width, ascii=ascii, top=HEADROOM * busiest), Level.ACCENT)

    return Column("trend", "TREND", cell, _surge, "left", width, hotkey="")


def _surge(row: StatRow) -> float | None:
    known = [rps for rps in row.series.rps if math.isfinite(rps)]
    mean = sum(known) / len(known) if known else 0.0
    return sum(known[-3:]) / len(known[-3:]) / mean if mean else None


def _marked(column: Column[StatRow], direction: Callable[[StatRow], int], *, good: int, ascii: bool) -> Column[StatRow]:
    """Return a column whose cells end in the arrow of a drift; a bad drift lifts a plain cell to a warning."""

    def cell(row: StatRow) -> Cell:
        plain = column.cell(row)
        moved = direction(row)
        text = f"{plain.text} {trend.arrow(moved, ascii=ascii) or ' '}"
        worse = moved == -good and plain.level in (Level.PLAIN, Level.GOOD)
        return Cell(text, Level.WARN if worse else plain.level)

    return replace(column, cell=cell, width=column.width + 2 if column.width else 0)
