"""Where the app begins when no mesh runs: it offers the demo and the check, and waits for a mesh to appear."""

from collections.abc import Iterable
from typing import Any, ClassVar

from rich.text import Text
from textual.containers import Center, Middle
from textual.widget import Widget
from textual.widgets import Static

from meshcore.wire.version import VERSION
from meshtui import keys
from meshtui.messages import MeshFound, ViewAsked
from meshtui.model.clean import clean
from meshtui.model.scope import Scope, Trouble
from meshtui.pump import Opener, Pump
from meshtui.screens.scene import Scene
from meshtui.screens.view import View
from meshtui.sources import local


class Card(Static, can_focus=True):
    """The words in the middle."""

    DEFAULT_CSS = "Card { width: 62; height: auto; }"


class StartView(View):
    """No mesh yet."""

    BINDINGS = keys.bindings("start")
    CONTEXTS: ClassVar[tuple[str, ...]] = ("start", "app")
    NAME = "start"
    NAMESPACED = False

    def __init__(self, scene: Scene, scope: Scope) -> None:
        super().__init__(scene, scope)
        self._card = Card()
        self._said: list[str] = []
        self._starting = False
        self._failed = ""

    def body(self) -> Iterable[Widget]:
        yield Middle(Center(self._card))

    def on_mount(self) -> None:
        self._paint()

    def crumb(self) -> str:
        return "start"

    def sources(self) -> dict[str, Opener]:
        return {"meshes": local.meshes}

    def take(self, tag: str, answer: Any) -> None:
        if tag == "demo":
            self._said = answer
            self._paint()
        elif answer:
            self.post_message(MeshFound(answer[0]))

    def refused(self, tag: str, trouble: Trouble) -> None:
        self._starting = False
        self._failed = trouble.message
        self._paint()

    def action_demo(self) -> None:
        if not self._starting:
            self._starting, self._failed, self._said = True, "", []
            self._pumps["demo"] = Pump(self, "demo", local.start_demo)
            self._paint()

    def action_check(self) -> None:
        self.post_message(ViewAsked("check", Scope()))

    def _paint(self) -> None:
        colours = {name: value.replace("ansi_", "") for name, value in self.app.theme_variables.items()}
        key, faint, strong = colours["primary"], colours["faint"], colours["strong"]
        text = Text()
        text.append("meshtui", f"bold {key}")
        text.append(f" {VERSION}\n\n", faint)
        if self._starting:
            text.append("starting the demo mesh …\n\n", strong)
        else:
            text.append("No mesh runs on this machine.\n\n", f"bold {strong}")
        for name, words in (
            ("enter", "start the demo: a small system under live traffic"),
            ("c", "check this machine"),
            ("?", "help"),
            ("q", "quit"),
        ):
            text.append(f"  {name:8}", key)
            text.append(f"{words}\n")
        text.append("\nYour own processes: ", faint)
        text.append("meshtui up mesh.yaml", strong)
        text.append("; this screen opens on\nwhatever mesh appears.\n", faint)
        if self._failed:
            text.append(f"\n× {self._failed}\n", colours["bad"])
        for line in self._said[-6:]:
            text.append(f"\n{clean(line)}", faint)
        self._card.update(text)
