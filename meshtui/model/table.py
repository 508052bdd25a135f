"""The rows behind a grid: sorted and filtered as plain lists, with columns that know how wide they must be.

The grid widget paints `lines`; screens put rows in. Pure, so that five thousand rows cost a sort and nothing else.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Generic, TypeVar

from meshtui.model.cell import Column, Level
from meshtui.model.filter import EVERYTHING, Filter

Row = TypeVar("Row")

GAP_MAX = 4  # more room than this between columns tears a row apart
FLEX_MIN, FLEX_MAX = 10, 30
SQUEEZED = 16  # a text column gives way down to this before the grid scrolls sideways


class Table(Generic[Row]):
    """Rows under columns; `flex` names the column that takes what room is left, `drop` those that go
    first for want of it, `tails` those whose end says more than their beginning.
    """

    def __init__(
        self,
        columns: Sequence[Column[Row]],
        key: Callable[[Row], str],
        *,
        sort: str = "",
        flex: str = "",
        drop: Sequence[str] = (),
        tails: Sequence[str] = (),
        labels: Callable[[Row], Mapping[str, str]] | None = None,
    ) -> None:
        self.key = key
        self.flex = flex
        self.drop = tuple(drop)
        self.tails = frozenset(tails)
        self.labels = labels
        self.rows: list[Row] = []
        self.lines: list[Row] = []
        self.marks: set[str] = set()
        self.wide = False
        self.faults = False
        self.filter: Filter = EVERYTHING
        self.sorted_by = sort
        self.descending = False
        self.everything: list[Column[Row]] = []
        self._needs: dict[str, int] = {}
        self._seen: set[str] = set()
        self.use(columns)

    def use(self, columns: Sequence[Column[Row]]) -> None:
        """Take other columns; the sort stays where its column does."""
        self.everything = list(columns)
        self._needs = {column.key: max(len(column.title) + 1, column.width) for column in columns}
        self._seen.clear()
        named = self.column(self.sorted_by)
        if named is None:
            self.sorted_by, self.descending = "", False
        self._arrange()

    @property
    def columns(self) -> list[Column[Row]]:
        """The columns that show."""
        return [column for column in self.everything if self.wide or not column.wide]

    def column(self, key: str) -> Column[Row] | None:
        return next((column for column in self.everything if column.key == key), None)

    def by_hotkey(self, letter: str) -> Column[Row] | None:
        """Return the showing column that shift and this letter sort by."""
        return next((column for column in self.columns if column.hotkey == letter), None)

    def put(self, rows: Iterable[Row]) -> None:
        """Replace all rows."""
        self.rows = list(rows)
        self._arrange()

    def sort_by(self, key: str, descending: bool | None = None) -> None:
        """Sort by a column; again turns the order round."""
        column = self.column(key)
        if column is None:
            return
        if descending is not None:
            self.descending = descending
        else:
            self.descending = not self.descending if key == self.sorted_by else column.descending
        self.sorted_by = key
        self._arrange()

    def narrow(self, wanted: Filter) -> None:
        """Show only rows that pass."""
        self.filter = wanted
        self._arrange()

    def only_faults(self, faults: bool) -> None:
        """Show only rows in which something is wrong."""
        self.faults = faults
        self._arrange()

    def index(self, key: str) -> int | None:
        """Return the line of a row, or None."""
        return next((i for i, row in enumerate(self.lines) if self.key(row) == key), None)

    def widths(self, viewport: int, visible: Iterable[Row] = ()) -> tuple[list[int], int]:
        """Return the width of each showing column and the gap between them.

        Widths only grow while the columns stay, so that a table does not shiver; text columns know all rows,
        figures those that were visible.
        """
        columns = self.columns
        for row in visible:
            for column in columns:
                if column.key != self.flex:
                    self._grow(column, column.cell(row).text)
        widths = [self._needs[column.key] if column.key != self.flex else 0 for column in columns]
        gone = iter(() if self.wide else self.drop)
        flexible = next((i for i, column in enumerate(columns) if column.key == self.flex), None)
        while _span(widths) > viewport:
            key = next(gone, None)
            if key is None:
                return self._squeeze(columns, widths, _span(widths) - viewport), 1
            widths = [0 if column.key == key else width for column, width in zip(columns, widths, strict=True)]
        room = viewport - _span(widths, 2)
        if flexible is not None and room - 2 >= FLEX_MIN:
            widths[flexible] = min(FLEX_MAX, room - 2)
            room -= widths[flexible] + 2
        gaps = sum(1 for width in widths if width) - 1
        if room < 0:
            return widths, 1
        return widths, min(GAP_MAX, 2 + (room // gaps if gaps > 0 else 0))

    def _squeeze(self, columns: Sequence[Column[Row]], widths: list[int], lacking: int) -> list[int]:
        """Take from the widest text columns what is lacking, as far as they can give."""
        texts = [i for i, column in enumerate(columns) if column.align == "left" and widths[i] > SQUEEZED]
        while lacking > 0 and texts:
            widest = max(texts, key=widths.__getitem__)
            if widths[widest] <= SQUEEZED:
                break
            widths[widest] -= 1
            lacking -= 1
        return widths

    def _grow(self, column: Column[Row], text: str) -> None:
        self._needs[column.key] = max(self._needs[column.key], len(text))

    def _arrange(self) -> None:
        lines = self.rows
        texts = [column for column in self.everything if column.align == "left" and column.key != self.flex]
        if len(self._seen) > 4 * len(lines) + 1000:  # rows that come and go, as requests do
            self._seen.clear()
        for row in lines:
            key = self.key(row)
            if key not in self._seen:
                self._seen.add(key)
                for column in texts:
                    self._grow(column, column.cell(row).text)
        if self.filter:
            lines = [row for row in lines if self._passes(row, texts)]
        if self.faults:
            lines = [row for row in lines if self._at_fault(row)]
        order = self.column(self.sorted_by)
        self.lines = list(lines) if order is None else _sorted(lines, order.sort, self.descending)

    def _passes(self, row: Row, texts: Sequence[Column[Row]]) -> bool:
        text = " ".join(column.cell(row).text for column in texts)
        return self.filter.passes(text, self.labels(row) if self.labels else None)

    def _at_fault(self, row: Row) -> bool:
        return any(column.cell(row).level in (Level.BAD, Level.WARN) for column in self.columns)


def _sorted(rows: Sequence[Row], value: Callable[[Row], Any], descending: bool) -> list[Row]:
    """Return the rows in order; those without a value come last in either direction."""
    pairs = [(value(row), row) for row in rows]
    known = [pair for pair in pairs if pair[0] is not None]
    known.sort(key=itemgetter(0), reverse=descending)
    return [row for _, row in known] + [row for found, row in pairs if found is None]


def _span(widths: Sequence[int], gap: int = 1) -> int:
    """Return the width of columns with gaps between those that show."""
    return sum(widths) + gap * (sum(1 for width in widths if width) - 1)


def clip(text: str, width: int, *, keep_end: bool = False) -> str:
    """Return a text in at most `width` cells, with an ellipsis where something is missing."""
    if len(text) <= width:
        return text
    if width < 2:
        return text[:width]
    return "…" + text[1 - width :] if keep_end else text[: width - 1] + "…"
