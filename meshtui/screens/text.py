"""A text to read: a row described, its data as YAML, a file. It scrolls, wraps on demand and can be searched.

Any view opens it with a title and a text.
"""

import re
from collections.abc import Iterable
from typing import ClassVar

from rich.text import Text
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from meshtui import keys
from meshtui.model.clean import clean
from meshtui.model.filter import Filter
from meshtui.model.scope import Scope
from meshtui.screens.scene import Scene
from meshtui.screens.view import View, entitle

_PAIR = re.compile(r"^(\s*(?:- )?)([\w ./()-]+:)( .*)?$")


class Page(VerticalScroll, can_focus=True):
    """What scrolls."""

    DEFAULT_CSS = """
    Page { padding: 0 1; scrollbar-size-vertical: 1; }
    Page Static { width: auto; min-width: 100%; }
    Page.-wrap Static { width: 100%; }
    """
    BINDINGS = keys.bindings("page")


class TextView(View):
    """A titled text."""

    BINDINGS = keys.bindings("text")
    CONTEXTS: ClassVar[tuple[str, ...]] = ("text", "page", "view", "app")
    NAME = "text"
    NAMESPACED = False

    def __init__(self, scene: Scene, scope: Scope, *, title: str = "", text: str = "") -> None:
        super().__init__(scene, scope)
        self._heading = title
        self._lines = [clean(line) for line in text.splitlines()]
        self._static = Static()

    def body(self) -> Iterable[Widget]:
        with Page(classes="pane") as page:
            entitle(page, self._heading)
            yield self._static

    def on_mount(self) -> None:
        self._paint()

    def crumb(self) -> str:
        return self._heading

    def narrow(self, wanted: Filter) -> None:
        self._paint()

    def _paint(self) -> None:
        colours = self.app.theme_variables
        name = colours.get("primary", "").replace("ansi_", "")
        text = Text()
        for line in self._lines:
            if self.filter and not self.filter.passes(line):
                continue
            match = _PAIR.match(line)
            if match:
                text.append(match[1])
                text.append(match[2], name)
                text.append((match[3] or "") + "\n")
            else:
                text.append(line + "\n")
        self._static.update(text)

    def action_wrap(self) -> None:
        self.query_one(Page).toggle_class("-wrap")
