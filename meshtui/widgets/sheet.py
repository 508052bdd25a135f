"""The sheet that the service graph is drawn on, and the line below it.

`widgets.graph` puts them together: the sheet paints, scrolls and tells what was clicked; the line says what is
known of what is selected.
"""

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from meshtui.model.caption import caption
from meshtui.model.cell import Level
from meshtui.model.drawing import BLANK, Picture
from meshtui.model.graph import Graph, Node
from meshtui.model.look import Look
from meshtui.model.walk import Selection
from meshtui.model.wrap import wrapped
from meshtui.widgets.ink import Ink
from meshtui.widgets.scroll import Scroll


class Sheet(Ink, Scroll, can_focus=True):
    """The drawing; scrolls, and tells what was clicked."""

    DEFAULT_CSS = """
    Sheet {
        overflow: auto auto;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 1;
        width: 1fr;
        height: 1fr;
    }
    """

    class Clicked(Message):
        """Something was clicked; None: the paper."""

        def __init__(self, what: Selection | None) -> None:
            super().__init__()
            self.what = what

    class Resized(Message):
        """There is more or less room."""

    def __init__(self) -> None:
        super().__init__()
        self._picture = BLANK
        self._styles: dict[Level, Style] = {}
        self._margin = (0, 0)
        self._said = ""

    def say(self, text: str) -> None:
        """Show words as long as there is no drawing."""
        self._said = text
        self.refresh()

    def show(self, picture: Picture) -> None:
        """Show a drawing, in the middle where there is more room than it needs."""
        self._picture = picture
        self.virtual_size = Size(picture.width, picture.height)
        room = self.scrollable_content_region.size
        self._margin = (max(0, (room.width - picture.width) // 2), max(0, (room.height - picture.height) // 2))
        self.refresh()

    def reveal(self, what: Selection) -> None:
        """Scroll to a box, or to the arrow of a call."""
        region: Region | None = None
        if isinstance(what, Node):
            box = self._picture.boxes.get(what)
            region = Region(*box) if box else None
        elif what in self._picture.heads:
            region = Region(*self._picture.heads[what], 1, 1).grow((1, 4, 1, 12))
        if region is not None:
            self.scroll_to_region(region, animate=False, force=True)

    def render_line(self, y: int) -> Strip:
        """Paint one line of the drawing."""
        base = self.rich_style
        x, row = self.scroll_offset[0], y + self.scroll_offset[1] - self._margin[1]
        if not self._picture.height and self._said:
            lines = wrapped(self._said, self.size.width - 4)
            text = f"  {lines[y - 1]}" if 0 < y <= len(lines) else ""
            return Strip([Segment(text, base)]).crop_extend(0, self.size.width, base)
        if not 0 <= row < self._picture.height:
            return Strip.blank(self.size.width, base)
        segments = [Segment(" " * self._margin[0], base)]
        segments += [Segment(cell.text, self._style(cell.level)) for cell in self._picture.line(row)]
        return Strip(segments).crop_extend(x, x + self.size.width, base)

    def _style(self, level: Level) -> Style:
        found = self._styles.get(level)
        if found is None:
            found = self._styles[level] = self.style(level)
        return found

    def notify_style_update(self) -> None:
        self._styles.clear()
        super().notify_style_update()

    def on_click(self, event: events.Click) -> None:
        """Select what was clicked."""
        at = event.get_content_offset(self)
        if at is not None:
            x, y = at + self.scroll_offset
            self.post_message(self.Clicked(self._picture.hit(x - self._margin[0], y - self._margin[1])))

    def on_resize(self) -> None:
        """Ask for a drawing that suits the new room."""
        self.post_message(self.Resized())


class Caption(Ink):
    """The line below the graph."""

    def __init__(self) -> None:
        super().__init__()
        self._text: tuple[Graph, Selection | None, Look] | None = None

    def show(self, graph: Graph, selected: Selection | None, look: Look) -> None:
        """Say what is known of the selection."""
        self._text = (graph, selected, look)
        self.refresh()

    def render(self) -> Text:
        """Return the line."""
        line = Text(no_wrap=True, overflow="ellipsis")
        for cell in caption(*self._text) if self._text else ():
            line.append(cell.text, self.style(cell.level))
        return line
