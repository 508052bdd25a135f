"""A table that paints only the lines that can be seen, straight from the rows of `model/table`.

Screens give it a Table and say when rows changed; it owns the cursor, the mouse, marks and the heading. The cursor
stays on its row when the order changes.
"""

from typing import Any, ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from meshtui.keys import bindings
from meshtui.model.cell import Column, Level
from meshtui.model.table import Table, clip
from meshtui.model.wrap import wrapped
from meshtui.widgets.scroll import Scroll

GUTTER = 2  # cursor and mark
SAID = 2  # the line in which words stand where there are no rows


class Grid(Scroll, can_focus=True):
    """Rows of a Table, with a cursor."""

    BINDINGS = bindings("grid")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "grid--heading",
        "grid--sorted",
        "grid--cursor",
        "grid--hover",
        "grid--mark",
        "grid--plain",
        "grid--dim",
        "grid--good",
        "grid--warn",
        "grid--bad",
        "grid--accent",
    }
    DEFAULT_CSS = """
    Grid {
        background: $background;
        color: $foreground;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        scrollbar-gutter: stable;
        & .grid--heading { color: $head; text-style: bold; }
        & .grid--sorted { color: $primary; text-style: bold; }
        & .grid--cursor { background: $cursor-blurred; }
        & .grid--mark { color: $accent; }
        & .grid--dim { color: $faint; }
        & .grid--good { color: $good; }
        & .grid--warn { color: $warn; }
        & .grid--bad { color: $bad; text-style: bold; }
        & .grid--accent { color: $trend; }
        &:focus .grid--cursor { background: $cursor; text-style: bold; }
        &:ansi .grid--cursor { background: ansi_default; text-style: underline; }
        &:ansi:focus .grid--cursor { background: ansi_default; text-style: reverse; }
    }
    """

    cursor: reactive[int] = reactive(0, repaint=False)

    class Moved(Message):
        """The cursor is on another row (or on none: `row` is None); `by_hand`: a person moved it, not the data."""

        def __init__(self, grid: "Grid", row: Any, by_hand: bool) -> None:
            super().__init__()
            self.grid = grid
            self.row = row
            self.by_hand = by_hand

        @property
        def control(self) -> "Grid":
            return self.grid

    class Chosen(Message):
        """Enter, or a click on the cursor's row."""

        def __init__(self, grid: "Grid", row: Any) -> None:
            super().__init__()
            self.grid = grid
            self.row = row

        @property
        def control(self) -> "Grid":
            return self.grid

    class Changed(Message):
        """Sort, filter or columns are different now."""

    def __init__(self, table: Table[Any], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.table = table
        self.empty: str = ""  # said where there are no rows, in as many lines as it takes
        self.idle_cursor = True  # whether the cursor shows without the focus, too
        self._on: str | None = None  # key of the cursor's row
        self._widths: list[int] = []
        self._gap = 2
        self._styles: dict[Level, Style] = {}

    # rows

    def show(self) -> None:
        """Paint the table's rows as they are now."""
        lines = self.table.lines
        where = self.table.index(self._on) if self._on is not None else None
        if where is None:
            where = min(self.cursor, max(0, len(lines) - 1))
        self.set_reactive(Grid.cursor, where)
        self._measure()
        self._note(by_hand=False)
        self._keep_visible()
        self.refresh()

    @property
    def row(self) -> Any:
        """The cursor's row, or None."""
        lines = self.table.lines
        return lines[self.cursor] if 0 <= self.cursor < len(lines) else None

    def go_to(self, key: str) -> bool:
        """Move the cursor to a row by its key; False if it does not show."""
        where = self.table.index(key)
        if where is None:
            return False
        self._move(where)
        return True

    def sort(self, key: str) -> None:
        """Sort by a column, or turn its order round."""
        self.table.sort_by(key)
        self.show()
        self.post_message(self.Changed())

    def _note(self, *, by_hand: bool) -> None:
        """Tell the screen if another row is under the cursor."""
        row = self.row
        key = None if row is None else self.table.key(row)
        if key != self._on:
            self._on = key
            self.post_message(self.Moved(self, row, by_hand))

    def _measure(self) -> None:
        top = int(self.scroll_offset.y)
        visible = self.table.lines[top : top + max(1, self.size.height)]
        self._widths, self._gap = self.table.widths(self._room() - GUTTER, visible)
        width = sum(self._widths) + self._gap * (sum(1 for each in self._widths if each) - 1) + GUTTER
        size = Size(max(width, 1), len(self.table.lines) + 1)
        if size != self.virtual_size:
            self.virtual_size = size

    def _room(self) -> int:
        """The width for lines, without the scroll bar's."""
        return max(GUTTER, self.scrollable_content_region.width)

    # painting

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        x, top = self.scroll_offset
        if y == 0:
            strip = Strip(self._heading())
        else:
            index = y - 1 + top
            lines = self.table.lines
            if index >= len(lines):
                return self._blank(y, width)
            strip = Strip(self._line(index, lines[index]))
        base = self.rich_style
        if y and self._shows_cursor(y - 1 + top):
            base = base + self.get_component_rich_style("grid--cursor", partial=True)
        return strip.crop_extend(x, x + width, base)

    def _shows_cursor(self, index: int) -> bool:
        return index == self.cursor and (self.has_focus or self.idle_cursor)

    def _blank(self, y: int, width: int) -> Strip:
        if self.empty and not self.table.lines and y >= SAID:
            lines = wrapped(self.empty, width - 2 * GUTTER)
            if y - SAID < len(lines):
                style = self.rich_style + self.get_component_rich_style("grid--dim", partial=True)
                line = Segment(" " * GUTTER + lines[y - SAID], style)
                return Strip([line]).crop_extend(0, width, self.rich_style)
        return Strip.blank(width, self.rich_style)

    def _heading(self) -> list[Segment]:
        base = self.rich_style
        plain = base + self.get_component_rich_style("grid--heading", partial=True)
        chosen = base + self.get_component_rich_style("grid--sorted", partial=True)
        segments = [Segment(" " * GUTTER, base)]
        for column, width in self._showing():
            title, style = column.title, plain
            if column.key == self.table.sorted_by:
                arrow = "↓" if self.table.descending else "↑"
                title, style = arrow + title if column.align == "right" else title + arrow, chosen
            text = title[-width:].rjust(width) if column.align == "right" else title[:width].ljust(width)
            segments += [Segment(text, style), Segment(" " * self._gap, base)]
        return segments

    def _line(self, index: int, row: Any) -> list[Segment]:
        base = self.rich_style
        on = self._shows_cursor(index)
        if on:
            base = base + self.get_component_rich_style("grid--cursor", partial=True)
        marked = self.table.key(row) in self.table.marks
        ansi = self.app.native_ansi_color  # there the cursor's line is reversed: colours would turn into patches
        segments = [
            Segment("▌" if on else " ", base if ansi else base + self._bare("grid--sorted")),
            Segment("•" if marked else " ", base if ansi else base + self._bare("grid--mark")),
        ]
        flex = self.table.flex
        space = Segment(" " * self._gap, base)
        for column, width in self._showing():
            cell = column.cell(row)
            if column.key == flex:
                text = cell.text[-width:]  # the newest end of a sparkline
            else:
                text = clip(cell.text, width, keep_end=column.key in self.table.tails)
            if not text.isascii() and cell_len(text) != len(text):
                text = set_cell_size(text, width)
            text = text.rjust(width) if column.align == "right" else text.ljust(width)
            quiet = on and ansi and cell.level not in (Level.BAD, Level.WARN)
            segments += [Segment(text, base if quiet else base + self._style(cell.level)), space]
        return segments

    def _showing(self) -> list[tuple[Column[Any], int]]:
        """Return the columns that have room, with their widths."""
        columns = self.table.columns
        if len(self._widths) != len(columns):
            self._measure()
        return [(column, width) for column, width in zip(columns, self._widths, strict=True) if width]

    def _style(self, level: Level) -> Style:
        style = self._styles.get(level)
        if style is None:
            style = self.get_component_rich_style(f"grid--{level.value}", partial=True)
            self._styles[level] = Style(color=style.color, bold=style.bold or None)
        return self._styles[level]

    def _bare(self, part: str) -> Style:
        return Style(color=self.get_component_rich_style(part, partial=True).color)

    def notify_style_update(self) -> None:
        self._styles.clear()
        super().notify_style_update()

    # moving

    def watch_cursor(self, old: int, new: int) -> None:
        self._keep_visible()
        self.refresh_line(old + 1)
        self.refresh_line(new + 1)
        self._note(by_hand=True)

    def _move(self, where: int) -> None:
        self.cursor = max(0, min(where, len(self.table.lines) - 1))

    def _keep_visible(self) -> None:
        height = max(1, self.size.height - 1)
        top = int(self.scroll_offset.y)
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, force=True)
        elif self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False, force=True)

    def action_cursor_up(self) -> None:
        self._move(self.cursor - 1)

    def action_cursor_down(self) -> None:
        self._move(self.cursor + 1)

    def action_page_up(self) -> None:
        self._move(self.cursor - max(1, self.size.height - 2))

    def action_page_down(self) -> None:
        self._move(self.cursor + max(1, self.size.height - 2))

    def action_first(self) -> None:
        self._move(0)

    def action_last(self) -> None:
        self._move(len(self.table.lines) - 1)

    def action_scroll_left(self) -> None:
        self.scroll_to(x=self.scroll_offset.x - 8, animate=False, force=True)

    def action_scroll_right(self) -> None:
        self.scroll_to(x=self.scroll_offset.x + 8, animate=False, force=True)

    # events

    def on_resize(self) -> None:
        self._measure()
        self._keep_visible()

    def on_key(self, event: events.Key) -> None:
        """Shift and a letter sort by the column of that letter."""
        letter = event.character or ""
        column = self.table.by_hotkey(letter) if letter.isupper() else None
        if column is not None:
            event.stop()
            event.prevent_default()
            self.sort(column.key)

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        if at is None:
            return
        if at.y == 0:
            column = self._column_at(at.x + int(self.scroll_offset.x))
            if column is not None:
                self.sort(column.key)
            return
        index = at.y - 1 + int(self.scroll_offset.y)
        if index >= len(self.table.lines):
            return
        if event.chain > 1:
            self.post_message(self.Chosen(self, self.table.lines[index]))
        else:
            self._move(index)

    def _column_at(self, x: int) -> Column[Any] | None:
        left = GUTTER
        for column, width in self._showing():
            if left <= x < left + width + self._gap:
                return column
            left += width + self._gap
        return None

    def refresh_line(self, y: int) -> None:
        """Repaint one line of the table; the heading (line 0) never scrolls."""
        on_screen = y - int(self.scroll_offset.y)
        if 0 < on_screen < self.size.height:
            self.refresh(Region(0, on_screen, self.size.width, 1))
