"""The log of a workload, as it is written: the application's, or its sidecar's.

Lines are kept in a bounded list; the filter shows those that match.
"""

from collections import deque
from collections.abc import Iterable
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from meshtui import keys
from meshtui.model.clean import clean
from meshtui.model.filter import EVERYTHING, Filter
from meshtui.model.scope import Scope, Trouble, said
from meshtui.model.wrap import wrapped
from meshtui.pump import Pump
from meshtui.screens.scene import Scene
from meshtui.screens.view import View, entitle
from meshtui.widgets.scroll import Scroll

KEPT = 5000
LONGEST = 4000


class Lines(Scroll, can_focus=True):
    """Lines of text, painted as far as they are seen."""

    BINDINGS = keys.bindings("page")
    DEFAULT_CSS = "Lines { scrollbar-size-vertical: 1; scrollbar-size-horizontal: 1; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__(classes="pane")
        self.lines: list[str] = []
        self._at_end = False

    def show(self, lines: list[str], *, end: bool) -> None:
        """Paint these lines, and scroll to the end if asked."""
        self.lines, self._at_end = lines, end
        self.virtual_size = Size(max((len(line) for line in lines), default=1), len(lines))
        if end:
            self._to_end()
        self.refresh()

    def _to_end(self) -> None:
        self.scroll_end(animate=False, immediate=True, x_axis=False, force=True)  # also before there is a bar

    def watch_show_horizontal_scrollbar(self, shown: bool) -> None:
        super().watch_show_horizontal_scrollbar(shown)
        if self._at_end:  # its line is taken from the lines'
            self.call_after_refresh(self._to_end)

    def render_line(self, y: int) -> Strip:
        x, top = self.scroll_offset
        width = self.size.width
        if not self.lines and y == 1:
            return Strip([Segment("nothing has been written yet", self.rich_style + Style(dim=True))])
        if y + top >= len(self.lines):
            return Strip.blank(width, self.rich_style)
        return Strip([Segment(self.lines[y + top], self.rich_style)]).crop_extend(x, x + width, self.rich_style)


class LogsView(View):
    """A log that follows its end."""

    BINDINGS = keys.bindings("logs")
    CONTEXTS: ClassVar[tuple[str, ...]] = ("logs", "page", "view", "app")
    NAME = "logs"
    NAMESPACED = False

    def __init__(self, scene: Scene, scope: Scope) -> None:
        super().__init__(scene, scope)
        self._kept: deque[str] = deque(maxlen=KEPT)
        self._list = Lines()
        self.follow = True
        self.proxy = False

    def body(self) -> Iterable[Widget]:
        yield self._list

    def on_mount(self) -> None:
        self._title()

    def crumb(self) -> str:
        return f"logs {self.scope.title()}"

    def start(self) -> None:
        self.stop()
        self._kept.clear()
        self._pumps["log"] = Pump(self, "log", lambda: self.mesh.log(self.scope, proxy=self.proxy), every=True)

    def take(self, tag: str, answer: Any) -> None:
        self._kept.extend(clean(line)[:LONGEST] for line in answer)
        if not self.paused:
            self._paint()

    def refused(self, tag: str, trouble: Trouble) -> None:
        self._list.show(wrapped(said(trouble), self._list.size.width - 3), end=False)

    def narrow(self, wanted: Filter) -> None:
        self._paint()

    def _paint(self) -> None:
        wanted = self.filter
        lines = list(self._kept) if wanted is EVERYTHING else [line for line in self._kept if wanted.passes(line)]
        self._list.show(lines, end=self.follow)
        self._title()

    def _title(self) -> None:
        whose = "sidecar of " if self.proxy else ""
        more = "" if self.follow else " · standing still"
        entitle(self._list, f"log {whose}{self.scope.title()} [{len(self._list.lines)}]{more}")

    def action_follow(self) -> None:
        self.follow = not self.follow
        self._paint()

    def action_proxy(self) -> None:
        self.proxy = not self.proxy
        self.start()
        self._list.show([], end=False)
        self._title()

    def action_pause(self) -> None:
        super().action_pause()
        if not self.paused:
            self._paint()
