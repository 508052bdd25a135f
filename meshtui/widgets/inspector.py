"""The request inspector: one exchange in full, as a page that scrolls.

Screens call `update(exchange, pair)` when a row is opened or learns more, and read `text` to copy it.
"""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.geometry import Size

from meshtui.columns import inspection
from meshtui.columns.ladder import Line
from meshtui.model.exchange import Exchange, Pair
from meshtui.widgets.ink import Ink


class _Page(Ink):
    """The page itself, as high as it needs to be."""

    DEFAULT_CSS = "_Page { height: auto; width: 1fr; padding: 0 1; }"

    def __init__(self, *, ascii: bool) -> None:
        super().__init__()
        self.ascii = ascii
        self.shown: tuple[Exchange, Pair] | None = None

    def lines(self, width: int) -> list[Line]:
        """Return the page at a width."""
        if self.shown is None:
            return [[]]
        one, pair = self.shown
        return inspection.page(one, pair, max(20, width), ascii=self.ascii)

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

    def __init__(self, *, ascii: bool = False, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._page = _Page(ascii=ascii)

    def compose(self) -> ComposeResult:
        """Lay the page out."""
        yield self._page

    def update(self, one: Exchange, pair: Pair) -> None:
        """Show an exchange; the page stays where it was scrolled to while it is the same one."""
        if self._page.shown is None or self._page.shown[0].id != one.id:
            self.scroll_home(animate=False)
        self._page.shown = (one, pair)
        self._page.refresh(layout=True)

    @property
    def text(self) -> str:
        """The page as plain text."""
        return inspection.text(self._page.lines(120))
