"""The bottom line: breadcrumbs at the left, and what was last to be said at the right.

Views own one; `flash` speaks for a few seconds, an error a little longer. Where both do not fit, the word wins, and
takes as many lines as it needs.
"""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

from meshtui.model.wrap import wrapped

SIGNS = {"info": "", "good": "√ ", "warn": "‼ ", "error": "× "}
STYLES = {"info": "strong", "good": "good", "warn": "warn", "error": "bad"}
SECONDS = {"info": 6.0, "good": 6.0, "warn": 8.0, "error": 10.0}


class Foot(Widget):
    """Breadcrumbs and the flash line in one."""

    DEFAULT_CSS = """
    Foot { height: auto; max-height: 5; padding: 0 1; background: $surface; color: $foreground; }
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
        self._about = ""
        self._timer: Timer | None = None

    def show(self, crumbs: Sequence[str], note: str) -> None:
        """Show where the view is, and what narrows it."""
        self.crumbs, self.note = crumbs, note
        self.refresh()

    def flash(self, text: str, level: str = "info", *, about: str = "") -> None:
        """Say something for a while, or until what it is `about` is settled."""
        self._flash = (" ".join(text.split()), level)
        self._about = about
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(SECONDS.get(level, 6.0), self._forget)
        self.refresh(layout=True)

    def settle(self, about: str) -> None:
        """Say no more of what has been put right."""
        if self._flash is not None and self._about == about:
            self._forget()

    @property
    def flashing(self) -> str:
        """What is being said, for those who save the screen and for tests."""
        return self._flash[0] if self._flash else ""

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(wrapped(self._said().plain, width)) if self._flash is not None else 1

    def render(self) -> Text:
        width = max(1, self.size.width)
        crumbs = self._crumbs()
        said = self._said()
        room = width - cell_len(crumbs.plain) - cell_len(said.plain)
        if said.plain and room < 2:
            if self._flash is None:
                return crumbs
            return Text("\n".join(wrapped(said.plain, width)), said.style, no_wrap=True)
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
        self.refresh(layout=True)

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        left = 0
        for depth, crumb in enumerate(self.crumbs):
            if at is not None and left <= at.x < left + cell_len(crumb):
                self.post_message(self.Picked(depth))
                return
            left += cell_len(crumb) + 3
