"""The request inspector: one exchange in full, as a page that scrolls.

Screens call `update(id, page)` when a row is opened or learns more, and read `text` to copy it; the page itself is
`columns.inspection.page`, bound to an exchange and its pair.
"""

from collections.abc import Callable

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.geometry import Size

from meshtui.model.canvas import Line, plain
from meshtui.widgets.ink import Ink

Page = Callable[[int], list[Line]]  # the lines for a width


class _Page(Ink):
    """The page itself, as high as it needs to be."""

    DEFAULT_CSS = "_Page { height: auto; width: 1fr; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.id_shown = ""
        self.page: Page = lambda width: []

    def lines(self, width: int) -> list[Line]:
        """Return the page at a width."""
        return self.page(max(20, width))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many lines the page has; long ones are folded when painted."""
        return len(self._text(width).wrap(self.app.console, max(1, width), overflow="fold"))

    def render(self) -> Text:
        """Return the page, painted."""
        return self._text(self.content_size.width)

    def _text(self, width: int) -> Text:
        painted = Text(overflow="fold")
        for i, line in enumerate(self.lines(width)):
            painted.append("\n" if i else "")
            for cell in line:
                painted.append(cell.text, self.style(cell.level))
        return painted


class Inspector(VerticalScroll):
    """Shows one exchange; arrow keys, page keys and the wheel scroll."""

    DEFAULT_CSS = "Inspector { height: 1fr; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._page = _Page()

    def compose(self) -> ComposeResult:
        """Lay the page out."""
        yield self._page

    def update(self, exchange: str, page: Page) -> None:
        """Show the page of an exchange; it stays where it was scrolled to while it is the same one."""
        if self._page.id_shown != exchange:
            self.scroll_home(animate=False)
        self._page.id_shown, self._page.page = exchange, page
        self._page.refresh(layout=True)

    @property
    def text(self) -> str:
        """The page as plain text."""
        return plain(self._page.lines(120))
