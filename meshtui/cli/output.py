"""How an answer is printed: aligned table, JSON or YAML; colour only on a terminal that wants it."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, TypeVar

from meshtui.model.cell import Cell, Column, Level

Row = TypeVar("Row")

_COLOURS = {Level.GOOD: "32", Level.WARN: "33", Level.BAD: "31", Level.DIM: "2", Level.ACCENT: "36"}


class Format(StrEnum):
    """What `-o` takes."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"

    @property
    def tabular(self) -> bool:
        return self in (Format.TABLE, Format.WIDE)


def coloured() -> bool:
    """Tell whether stdout shows colour (no-color.org; TERM=dumb has none)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(cell: Cell) -> str:
    """Return a cell's text in the colour of its level, where stdout shows colour."""
    code = _COLOURS.get(cell.level) if coloured() else None
    return f"\x1b[{code}m{cell.text}\x1b[0m" if code else cell.text


def table(columns: Sequence[Column[Row]], rows: Iterable[Row], form: Format, *, headings: bool = True) -> None:
    """Print rows under headings, two blanks between columns; `wide` shows the wide columns too."""
    shown = [column for column in columns if form is Format.WIDE or not column.wide]
    cells = [[column.cell(row) for column in shown] for row in rows]
    widths = [
        max([len(column.title) if headings else 0, *(len(line[i].text) for line in cells)])
        for i, column in enumerate(shown)
    ]
    if headings:
        print(_line(shown, widths, [Cell(column.title) for column in shown], colour=False))
    for line in cells:
        print(_line(shown, widths, line, colour=True))


def dump(records: Any, form: Format) -> None:
    """Print plain data as JSON or YAML."""
    if form is Format.JSON:
        print(json.dumps(records, indent=2, ensure_ascii=False))
    else:
        import yaml

        print(yaml.safe_dump(records, sort_keys=False, allow_unicode=True), end="")


def json_line(record: Any) -> None:
    """Print one record as one line, at once: `tap` is read by pipes as it happens."""
    print(json.dumps(record, ensure_ascii=False, separators=(",", ":")), flush=True)


def note(text: str) -> None:
    """Print a remark for a person; it goes to stderr, so that a pipe sees data only."""
    print(text, file=sys.stderr, flush=True)


def lack(remark: str) -> None:
    """Say what an answer lacks, if it lacks something: replicas of the control plane that were silent."""
    if remark:
        note(f"{remark}: what their sidecars told last may be missing")


def _line(columns: Sequence[Column[Row]], widths: Sequence[int], cells: Sequence[Cell], *, colour: bool) -> str:
    parts = []
    for column, width, cell in zip(columns, widths, cells, strict=True):
        text = cell.text.rjust(width) if column.align == "right" else cell.text.ljust(width)
        parts.append(paint(cell._replace(text=text)) if colour else text)
    return "  ".join(parts).rstrip()
