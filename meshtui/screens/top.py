"""The busiest requests of the last minute, by path or by route, as `linkerd viz top` shows them.

The control plane counts; here they are sorted, filtered and drilled into: enter taps what the row counts.
"""

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from meshtui import keys
from meshtui.columns import peers, top
from meshtui.model.cell import Column
from meshtui.model.scope import Scope
from meshtui.pump import Opener
from meshtui.screens.scene import Scene
from meshtui.screens.table import TableView

WINDOW_S = 60  # what the control plane counts over


class TopView(TableView):
    """Rows of counts per caller, callee and path."""

    BINDINGS = keys.bindings("top")
    CONTEXTS: ClassVar[tuple[str, ...]] = ("top", "table", "view", "app")
    NAME = "top"
    BY_ROUTE: ClassVar[bool] = False
    SORT = ("count", True)
    DROP = ("best", "last", "rps", "worst")
    TAILS = ("path",)
    WAITING = "counting …"
    EMPTY = "no requests yet"

    def __init__(self, scene: Scene, scope: Scope) -> None:
        self.by_route = self.BY_ROUTE
        self.callers = True
        self.covered_s = 0
        self.dropped = 0
        super().__init__(scene, scope)

    def columns(self) -> Sequence[Column[Any]]:
        return top.columns(routes=self.by_route, sources=self.callers)

    def sources(self) -> dict[str, Opener]:
        return {"top": lambda: self.mesh.top(self.scope, by_route=self.by_route, hide_sources=not self.callers)}

    def key(self, row: Any) -> str:
        ends = (peers.name(row.source, pod=True), peers.name(row.destination, pod=True))
        return "|".join((*ends, row.method, row.path, row.route, str(row.direction)))

    def label(self, row: Any) -> str:
        return str(row.route if self.by_route else row.path)

    def take(self, tag: str, answer: Any) -> None:
        self.covered_s = answer.covered_ms // 1000
        self.dropped = answer.dropped
        super().take(tag, answer)

    def heading(self) -> str:
        whole = self.covered_s >= WINDOW_S
        seconds = f"last {WINDOW_S} s" if whole else f"first {self.covered_s} s of {WINDOW_S}"
        return f"{'routes' if self.by_route else 'top'} {self.scope.title()} · {seconds}"

    def title_marks(self) -> list[str]:
        return super().title_marks() + ([f"{self.dropped} not counted (too many)"] if self.dropped else [])

    def drill(self, row: Any) -> tuple[str, Scope] | None:
        words = [] if self.by_route else [f"method={row.method}", f"path=^{re.escape(row.path)}"]
        if row.source.name:
            words.append(f"source=^{row.source.name}")
        if not row.destination.name:
            return None
        kind = row.destination.kind or "deployment"
        return "tap", Scope(kind, row.destination.namespace, row.destination.name, filter=" ".join(words))

    def action_routes(self) -> None:
        self.by_route = not self.by_route
        self._again()

    def action_sources(self) -> None:
        self.callers = not self.callers
        self._again()

    def _again(self) -> None:
        self.table.put([])
        self.table.use(self.columns())
        self.table.sort_by(*self.SORT)
        self.grid.show()
        self.start()


class RoutesView(TopView):
    """The same, by route from the beginning."""

    NAME = "routes"
    BY_ROUTE = True
