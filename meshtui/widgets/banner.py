"""The line that says the control plane is lost, for as long as it is.

Views place it under the header; the app says when. What the screen shows meanwhile is the last that was known.
"""

import time

from rich.text import Text
from textual.widget import Widget

from meshtui.model.scope import Trouble


class Banner(Widget):
    """One line of alarm with the time since; hidden while all is well."""

    DEFAULT_CSS = """
    Banner {
        height: 1;
        display: none;
        padding: 0 1;
        background: $bad;
        color: $background;
        text-style: bold;
        &.-shown { display: block; }
        &:ansi { background: ansi_default; color: ansi_bright_red; text-style: reverse bold; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._since = 0.0
        self._what = ""
        self.trouble: Trouble | None = None

    def on_mount(self) -> None:
        self.set_interval(1.0, self._tick)

    def say(self, trouble: Trouble | None, since: float, what: str) -> None:
        """Show a trouble that began at `since` (monotonic seconds), or nothing; `what` is it in a few words."""
        self.trouble, self._since, self._what = trouble, since, what
        self.set_class(trouble is not None, "-shown")
        self.refresh()

    def render(self) -> Text:
        if self.trouble is None:
            return Text("")
        seconds = int(time.monotonic() - self._since)
        ago = f" {seconds} s ago" if seconds >= 2 else ""
        if self.trouble.lost:
            text = f"× {self._what}{ago}: what you see is from before; trying again"
            more = f" ({self.trouble.message})"
        else:  # somebody has to do something
            text, more = f"× {self.trouble.message}", f"; {self.trouble.hint}"
        room = self.size.width - 2 - len(text)
        return Text(text + (more if len(more) <= room else ""), no_wrap=True, overflow="ellipsis")

    def _tick(self) -> None:
        if self.trouble is not None:
            self.refresh()
