"""Who talks to whom: an edge per row, with what it carries and whether it is secured.

Enter taps the callee, narrowed to this caller.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from meshcore.wire.kinds import WORKLOADS
from meshtui import keys
from meshtui.columns import edges, peers
from meshtui.model.cell import Column
from meshtui.model.scope import Scope, plural
from meshtui.pump import Opener
from meshtui.screens.scene import Scene
from meshtui.screens.table import TableView

KINDS = ("deployment", "pod", "namespace")
TITLES = {"p95": "P95", "tcp": "TCP"}


class EdgesView(TableView):
    """Edges between resources of one kind."""

    BINDINGS = keys.bindings("edges")
    CONTEXTS: ClassVar[tuple[str, ...]] = ("edges", "table", "view", "app")
    NAME = "edges"
    DROP = ("tcp", "dst_ns", "src_ns")
    EMPTY = "no traffic between workloads here"

    def __init__(self, scene: Scene, scope: Scope) -> None:
        super().__init__(scene, _between(scope))

    def columns(self) -> Sequence[Column[Any]]:
        found = edges.columns(self.scope.kind)
        return [replace(column, title=TITLES.get(column.key, column.title)) for column in found]

    def sources(self) -> dict[str, Opener]:
        return {"edges": lambda: self.mesh.edges(self.scope)}

    def rows(self, answer: Any) -> Any:
        return answer.edges

    def key(self, row: Any) -> str:
        return "|".join(f"{each.namespace}/{each.name}/{each.pod}/{each.address}" for each in (row.src, row.dst))

    def label(self, row: Any) -> str:
        return f"{peers.name(row.src)} {peers.name(row.dst)}"

    def heading(self) -> str:
        return f"edges {self.scope.title()} · between {plural(self.scope.kind)}"

    def drill(self, row: Any) -> tuple[str, Scope] | None:
        end = row.dst if row.dst_meshed else row.src
        if not end.name:
            return None
        words = f"source=^{peers.name(row.src)}" if row.dst_meshed else ""
        return "tap", Scope(end.kind or "deployment", end.namespace, end.name, filter=words)

    def action_kind(self) -> None:
        kind = KINDS[(KINDS.index(self.scope.kind) + 1) % len(KINDS)] if self.scope.kind in KINDS else KINDS[0]
        self.scope = Scope(kind, self.scope.namespace)
        self.table.put([])
        self.table.use(self.columns())
        self.answered = False
        self.grid.show()
        self.title_pane()
        self.start()


def _between(scope: Scope) -> Scope:
    """Return a scope whose kind can be an end of an edge."""
    if scope.owner:
        return Scope(scope.owner_kind, scope.namespace, scope.owner)
    if scope.kind in (*WORKLOADS, "pod"):
        return scope
    if scope.kind == "namespace":
        return Scope("deployment", scope.name or scope.namespace)
    return Scope("deployment", scope.namespace, scope.name)
