"""The bottom line: breadcrumbs at the left, and what was last to be said at the right.

Views own one; `flash` speaks for a few seconds, an error a little longer. Where both do not fit, the word wins.
"""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

SIGNS = {"info": "", "good": "√ ", "warn": "‼ ", "error": "× "}
STYLES = {"info": "strong", "good": "good", "warn": "warn", "error": "bad"}
SECONDS = {"info": 6.0, "good": 6.0, "warn": 8.0, "error": 10.0}


class Foot(Widget):
    """Breadcrumbs and the flash line in one."""

    DEFAULT_CSS = """
    Foot { height: 1; padding: 0 1; background: $surface; color: $foreground; }
    """

    class Picked(Message):
        """A crumb was clicked; `depth` counts from the first view."""

        def __init__(self, depth: int) -> None:
            super().__init__()
            self.depth = depth

    def __init__(self) -> None:
        super().__init__()
        self.crumbs: Sequence[str] = ()
        self.note = ""  # said as long as nothing else is, e.g. the filter
        self._flash: tuple[str, str] | None = None
        self._timer: Timer | None = None

    def flash(self, text: str, level: str = "info") -> None:
        """Say something for a while."""
        self._flash = (" ".join(text.split()), level)
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(SECONDS.get(level, 6.0), self._forget)
        self.refresh()

    @property
    def flashing(self) -> str:
        """What is being said, for those who save the screen and for tests."""
        return self._flash[0] if self._flash else ""

    def render(self) -> Text:
        width = max(1, self.size.width)
        crumbs = self._crumbs()
        said = self._said()
        room = width - cell_len(crumbs.plain) - cell_len(said.plain)
        if said.plain and room < 2:
            if self._flash is None:
                return crumbs
            said.truncate(width, overflow="ellipsis")
            return said
        return Text.assemble(crumbs, " " * max(0, room), said)

    def _style(self, name: str) -> str:
        colour = self.app.theme_variables.get(name, "")
        return "default" if colour == "ansi_default" else colour.replace("ansi_", "")

    def _said(self) -> Text:
        if self._flash is None:
            return Text(self.note, self._style("accent"), no_wrap=True)
        text, level = self._flash
        sign = SIGNS.get(level, "")
        return Text(sign + text, self._style(STYLES.get(level, "strong")), no_wrap=True)

    def _crumbs(self) -> Text:
        text = Text(no_wrap=True)
        for i, crumb in enumerate(self.crumbs):
            if i:
                text.append(" › ", self._style("faint"))
            last = i == len(self.crumbs) - 1
            text.append(crumb, ("bold " + self._style("strong")) if last else self._style("faint"))
        return text

    def _forget(self) -> None:
        self._flash = None
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        left = 0
        for depth, crumb in enumerate(self.crumbs):
            if at is not None and left <= at.x < left + cell_len(crumb):
                self.post_message(self.Picked(depth))
                return
            left += cell_len(crumb) + 3
