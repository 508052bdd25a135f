"""Who calls whom, drawn: rates and success on every edge, a lock where mutual TLS is; the selection walks along calls.

Enter drills: a workload into its pods, a call into its requests, a folded namespace into its own graph.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from textual import on
from textual.widget import Widget

from meshcore.wire.kinds import WORKLOADS
from meshtui import keys
from meshtui.messages import ViewAsked
from meshtui.model import export
from meshtui.model.filter import Filter
from meshtui.model.graph import Graph, Node, around, only
from meshtui.model.scope import Scope, Trouble, said
from meshtui.model.walk import Selection
from meshtui.pump import Opener
from meshtui.screens.scene import Scene
from meshtui.screens.view import View, entitle
from meshtui.widgets.graph import ServiceGraph


class GraphView(View):
    """The service graph of a namespace, of the mesh, or around one workload."""

    BINDINGS = keys.bindings("graph")
    CONTEXTS: ClassVar[tuple[str, ...]] = ("map", "graph", "view", "app")
    NAME = "graph"

    def __init__(self, scene: Scene, scope: Scope) -> None:
        if scope.kind == "namespace":
            scope = Scope("deployment", scope.name or scope.namespace)
        super().__init__(scene, scope)
        self.graph = ServiceGraph(ascii=scene.ascii, classes="pane")
        self._last: Any = None

    def note(self) -> str:
        return ""  # the heading says it

    def body(self) -> Iterable[Widget]:
        yield self.graph

    def on_mount(self) -> None:
        self._title()

    def sources(self) -> dict[str, Opener]:
        wanted = Scope("pod" if self.scope.kind == "pod" else "deployment", self.scope.namespace)
        return {"edges": lambda: self.mesh.edges(wanted)}

    def take(self, tag: str, answer: Any) -> None:
        self._last = answer
        self.graph.update(answer, self._keep)
        self._title()

    def refused(self, tag: str, trouble: Trouble) -> None:
        if self._last is None:
            self.graph.say(said(trouble))
        else:
            super().refused(tag, trouble)

    def narrow(self, wanted: Filter) -> None:
        if self._last is not None:
            self.take("edges", self._last)

    def _keep(self, graph: Graph) -> Graph:
        if self.scope.name:
            middle = next((node for node in graph.nodes if node.name == self.scope.name), None)
            graph = around(graph, middle) if middle else graph
        if self.filter:
            fits = {node for node in graph.nodes if self.filter.passes(f"{node.namespace} {node.name}")}
            near = fits | {end for call in graph.edges if fits & set(call) for end in call}
            graph = only(graph, fits if self.filter.inverse else near)
        return graph

    def _title(self) -> None:
        count = len(self.graph.graph.nodes) if self._last is not None else "…"
        entitle(self.graph, f"graph {self.scope.title()} [{count}]" + (f" /{self.filter.text}" if self.filter else ""))

    @on(ServiceGraph.Selected)
    def _selected(self, event: ServiceGraph.Selected) -> None:
        event.stop()
        leads = drill(event.what)
        if leads is None:
            self.flash("nothing is known inside: it has no sidecar", "warn")
        else:
            self.post_message(ViewAsked(*leads))

    def action_tap(self) -> None:
        what = self.graph.selected
        scope = None if what is None else _tapped(what)
        if scope is None:
            self.flash("select a workload or a call first", "warn")
        else:
            self.post_message(ViewAsked("tap", scope))

    def action_edges(self) -> None:
        self.post_message(ViewAsked("edges", self.scope))

    def action_yaml(self) -> None:
        title = f"graph {self.scope.title()}"
        self.post_message(ViewAsked("text", self.scope, title=title, text=export.document(self.graph.graph)))


def drill(what: Selection) -> tuple[str, Scope] | None:
    """Return the view that enter leads to from a node or a call."""
    if not isinstance(what, Node):
        scope = _tapped(what)
        return ("tap", scope) if scope else None
    if what.kind == "namespace":
        return "graph", Scope("deployment", what.name)
    if what.kind in WORKLOADS:
        return "stat", Scope("pod", what.namespace, owner_kind=what.kind, owner=what.name)
    return ("tap", Scope("pod", what.namespace, what.name)) if what.kind == "pod" else None


def _tapped(what: Selection) -> Scope | None:
    if isinstance(what, Node):
        if what.kind == "namespace":
            return Scope("deployment", what.name)
        return Scope(what.kind, what.namespace, what.name) if what.kind else None
    caller, callee = what
    if callee.kind in (*WORKLOADS, "pod"):
        return Scope(callee.kind, callee.namespace, callee.name, filter=f"source=^{caller.name}")
    if caller.kind in (*WORKLOADS, "pod"):
        return Scope(caller.kind, caller.namespace, caller.name)
    return None
