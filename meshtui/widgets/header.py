"""The top of every screen: mesh, namespace, control plane's health, the whole mesh's rate, and key hints.

Views show it; the app feeds it. Three lines at most, two where the terminal is low.
"""

import math
from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.widget import Widget

from meshcore.wire.control_pb2 import StatusResponse
from meshtui.messages import NamespaceAsked
from meshtui.model import figures
from meshtui.model.scope import Trouble


class Header(Widget):
    """Two lines of facts and hints; a third with the namespaces where there is room."""

    DEFAULT_CSS = """
    Header {
        height: 2;
        padding: 0 1;
        background: $surface;
        color: $foreground;
        &.-tall { height: 3; }
        &.-gone { display: none; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self.status: StatusResponse | None = None
        self.trouble: Trouble | None = None
        self.mesh = ""
        self.namespace = ""
        self.namespaces: Sequence[str] = ()
        self.everywhere = True  # all namespaces may be looked at
        self.hints: Sequence[tuple[str, str]] = ()
        self.paused = False

    def render(self) -> Text:
        width = max(1, self.size.width)
        lines = [self._facts(width)]
        if self.size.height >= 3:
            lines.append(self._places(width))
        lines.append(self._keys(width))
        return Text("\n").join(lines)

    def _style(self, name: str, *, bold: bool = False) -> str:
        colour = self.app.theme_variables.get(name, "")
        colour = "default" if colour == "ansi_default" else colour.replace("ansi_", "")
        return f"bold {colour}" if bold else colour

    def _facts(self, width: int) -> Text:
        left = Text(no_wrap=True)
        left.append("meshtui ", self._style("primary", bold=True))
        left.append(self.mesh or "no mesh", self._style("strong", bold=True))
        left.append("  ")
        left.append("ns ", self._style("faint"))
        left.append(self.namespace or "all", self._style("strong"))
        gap = "   " if width >= 100 else "  "
        right = Text(gap).join(self._right(width - left.cell_len, width, gap))
        return Text.assemble(left, " " * max(1, width - left.cell_len - right.cell_len), right)

    def _right(self, room: int, width: int, gap: str) -> list[Text]:
        """Return what stands at the right, without what has no room: proxies go first, then success, then the rate."""
        parts: dict[str, Text] = {}
        status = self.status
        if self.paused:
            parts["paused"] = Text("‼ paused", self._style("warn", bold=True))
        if status is not None and self.mesh:
            if not math.isnan(status.rps):
                rate = (figures.rate(status.rps), self._style("strong", bold=True))
                parts["rps"] = Text.assemble(rate, (" rps", self._style("faint")))
            if not math.isnan(status.success):
                parts["success"] = self._success(status.success)
            parts["uplinks"] = self._uplinks(status, width)
        parts["health"] = self._health(width)
        for name in ("uplinks", "success", "rps"):
            if sum(part.cell_len + len(gap) for part in parts.values()) <= room:
                break
            parts.pop(name, None)
        return list(parts.values())

    def _success(self, success: float) -> Text:
        text = f"{success:.1%}"
        if text == "100.0%" and success < 1:
            text = "99.9%"
        if success < 0.9:
            return Text("× " + text, self._style("bad", bold=True))
        if success < 0.95:
            return Text("‼ " + text, self._style("warn"))
        return Text(text, self._style("good"))

    def _uplinks(self, status: StatusResponse, width: int) -> Text:
        text = Text(no_wrap=True)
        short = status.uplinks < status.expected
        count = f"{status.uplinks}/{status.expected}"
        text.append(f"‼ {count}" if short else count, self._style("warn" if short else "strong"))
        text.append(" proxies" if width >= 76 else " px", self._style("faint"))
        if status.failing:
            text.append(f"  × {status.failing} failing", self._style("bad", bold=True))
        return text

    def _health(self, width: int) -> Text:
        if not self.mesh:
            return Text("")
        name = "control plane" if width >= 110 else "ctl"
        if self.trouble is not None:
            return Text(f"× {name}", self._style("bad", bold=True))
        if self.status is None:
            return Text(f"… {name}", self._style("faint"))
        if self.status.note:
            return Text(f"‼ {self.status.note if width >= 110 else name}", self._style("warn", bold=True))
        text = Text(f"√ {name}", self._style("good"))
        if width >= 110:
            text.append(f" {self.status.version}", self._style("faint"))
        return text

    def on_click(self, event: events.Click) -> None:
        """A click on a namespace is that namespace's digit."""
        at = event.get_content_offset(self)
        if at is None or self.size.height < 3 or at.y != 1:
            return
        left = 0
        for number, name in self._numbered():
            width = len(f"{number} {name}")
            if left <= at.x < left + width:
                self.post_message(NamespaceAsked(name if number else ""))
            left += width + 3

    def _numbered(self) -> list[tuple[int, str]]:
        """Return what each digit is."""
        return list(enumerate(["all", *self.namespaces[:9]]))[0 if self.everywhere else 1 :]

    def _places(self, width: int) -> Text:
        text = Text(no_wrap=True)
        for number, name in self._numbered():
            here = name == (self.namespace or "all")
            part = f"{number} {name}"
            if cell_len(text.plain) + len(part) + 2 > width:
                break
            text.append(f"{number} ", self._style("primary"))
            text.append(name, self._style("strong", bold=True) if here else self._style("faint"))
            text.append("   ")
        return text

    def _keys(self, width: int) -> Text:
        text = Text(no_wrap=True)
        must = [hint for hint in self.hints if hint[0] in ("?", ":")]
        keep = sum(len(key) + len(word) + 4 for key, word in must)
        for key, word in [hint for hint in self.hints if hint not in must]:
            if cell_len(text.plain) + len(key) + len(word) + 3 + keep > width:
                continue
            self._hint(text, key, word)
        for key, word in must:
            self._hint(text, key, word)
        return text

    def _hint(self, text: Text, key: str, word: str) -> None:
        text.append(key, self._style("primary"))
        text.append(f" {word}", self._style("faint"))
        text.append("   ")
