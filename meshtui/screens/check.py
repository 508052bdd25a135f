"""What is right and what is wrong: the control plane's checks after those of this machine, with a hint per failure.

The same words as `meshtui check`.
"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.widget import Widget
from textual.widgets import Static

from meshcore.wire.control_pb2 import CheckCategory, CheckResult
from meshtui import keys
from meshtui.model.scope import Scope, Trouble, said
from meshtui.model.wrap import wrapped
from meshtui.pump import Opener
from meshtui.screens.scene import Scene
from meshtui.screens.text import Page
from meshtui.screens.view import View, entitle

SIGNS = {CheckResult.CHECK_SUCCESS: "√", CheckResult.CHECK_WARNING: "‼", CheckResult.CHECK_ERROR: "×"}
MARGIN = 4  # of the page, with its bar
STYLES = {CheckResult.CHECK_SUCCESS: "good", CheckResult.CHECK_WARNING: "warn", CheckResult.CHECK_ERROR: "bad"}


class CheckView(View):
    """Categories of checks."""

    BINDINGS = keys.bindings("check")
    CONTEXTS: ClassVar[tuple[str, ...]] = ("check", "page", "view", "app")
    NAME = "check"
    NAMESPACED = False

    def __init__(self, scene: Scene, scope: Scope) -> None:
        super().__init__(scene, scope)
        self._static = Static()
        self._mesh_part: Sequence[CheckCategory] = ()
        self._trouble: Trouble | None = None

    def body(self) -> Iterable[Widget]:
        with Page(classes="pane") as page:
            entitle(page, "check")
            yield self._static

    def crumb(self) -> str:
        return "check"

    def sources(self) -> dict[str, Opener]:
        return {"check": self.mesh.check} if self.scene.mesh is not None else {}

    def start(self) -> None:
        self._trouble = None
        super().start()
        self._paint()

    def on_resize(self) -> None:
        self._paint()

    def take(self, tag: str, answer: Any) -> None:
        self._mesh_part = answer.categories
        self._paint()

    def refused(self, tag: str, trouble: Trouble) -> None:
        self._trouble = trouble
        self._paint()

    def action_rerun(self) -> None:
        self.start()
        self.flash("checking again")

    def _paint(self) -> None:
        categories = [*self.scene.machine(), *self._mesh_part]
        text = Text()
        counts = dict.fromkeys(SIGNS, 0)
        for category in categories:
            text.append(f"{category.name}\n", self._style("head", bold=True))
            hint = ""
            for item in category.checks:
                counts[item.result] = counts.get(item.result, 0) + 1
                style = self._style(STYLES.get(item.result, "faint"))
                text.append(f"  {SIGNS.get(item.result, '?')} ", style)
                text.append(self._lines(item.description, 4).lstrip())
                if item.error:
                    text.append(self._lines(item.error, 6), style)
                if item.hint and item.hint != hint:  # said once where several in turn have the same
                    text.append(self._lines(item.hint, 6), self._style("faint"))
                hint = item.hint
            text.append("\n")
        if self._trouble is not None:
            text.append(self._lines(said(self._trouble), 0), self._style("bad"))
        self._static.update(text)
        if self.is_mounted:
            parts = [f"{SIGNS[result]} {counts[result]}" for result in SIGNS if counts[result]]
            entitle(self.query_one(Page), "  ".join(["check", *parts]))

    def _lines(self, text: str, indent: int) -> str:
        """Return a sentence in as many lines as it takes."""
        return "".join(f"{' ' * indent}{line}\n" for line in wrapped(text, self.size.width - indent - MARGIN))

    def _style(self, name: str, *, bold: bool = False) -> str:
        colour = self.app.theme_variables.get(name, "").replace("ansi_", "")
        return f"bold {colour}" if bold else colour
