"""One request in full: head, trailers, both identities, and where its time went.

The tap list opens it; while it shows, the request goes on learning what arrives later.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

from textual.widget import Widget

from meshtui import keys
from meshtui.columns.inspection import page
from meshtui.model.exchange import Exchange, Exchanges
from meshtui.model.scope import Scope
from meshtui.screens.scene import Scene
from meshtui.screens.view import View, entitle
from meshtui.widgets.inspector import Inspector


class InspectView(View):
    """The request inspector."""

    BINDINGS = keys.bindings("inspect")
    CONTEXTS: ClassVar[tuple[str, ...]] = ("inspect", "view", "app")
    NAME = "inspect"
    NAMESPACED = False

    def __init__(self, scene: Scene, scope: Scope, *, one: Exchange, exchanges: Exchanges) -> None:
        super().__init__(scene, scope)
        self._one = one
        self._exchanges = exchanges
        self._ascii = scene.ascii
        self._inspector = Inspector(classes="pane")

    def body(self) -> Iterable[Widget]:
        yield self._inspector

    def on_mount(self) -> None:
        self._show()

    def crumb(self) -> str:
        return "request"

    def _show(self) -> None:
        pair, trace = self._exchanges.pair(self._one), self._exchanges.trace(self._one)
        self._inspector.update(self._one.id, partial(page, self._one, pair, trace=trace, ascii=self._ascii))
        entitle(self._inspector, f"request {self._one.id.rpartition('/')[0]}")

    def action_next(self) -> None:
        self._step(1)

    def action_previous(self) -> None:
        self._step(-1)

    def _step(self, step: int) -> None:
        rows = self._exchanges.rows()
        at: Any = next((i for i, each in enumerate(rows) if each.id == self._one.id), None)
        if at is not None and 0 <= at + step < len(rows):
            self._one = rows[at + step]
            self._show()

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._inspector.text)
        self.flash("copied the request")
