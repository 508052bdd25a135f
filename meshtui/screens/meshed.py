"""Every instance and its sidecar: identity, certificate, uplink, cost, and the endpoints it sends to.

The lower pane follows the cursor: the endpoints of a meshed pod as its sidecar sees them, or, where there is no
sidecar or no process, what is wrong and what to do.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from rich.text import Text
from textual import on
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Static

from meshtui import keys
from meshtui.columns import endpoints, pods
from meshtui.messages import ViewAsked
from meshtui.model.cell import Column
from meshtui.model.clean import clean
from meshtui.model.document import aligned
from meshtui.model.scope import Scope, Trouble
from meshtui.model.table import Table
from meshtui.pump import Opener
from meshtui.screens.scene import Scene
from meshtui.screens.table import TableView
from meshtui.screens.view import entitle
from meshtui.widgets.grid import Grid


class MeshedView(TableView):
    """Pods above, what the chosen one's sidecar knows below."""

    BINDINGS = keys.bindings("pods")
    CONTEXTS: ClassVar[tuple[str, ...]] = ("pods", "table", "view", "app")
    DEFAULT_CSS = """
    MeshedView {
        & #lower { height: 40%; max-height: 16; min-height: 6; }
        & #lower Static { height: auto; padding: 1 2; }
    }
    """
    NAME = "meshed"
    DROP = ("age", "restarts", "version", "memory", "cpu", "uplink")
    EMPTY = "no pods"
    LABELLED = True

    def __init__(self, scene: Scene, scope: Scope) -> None:
        super().__init__(scene, scope)
        self._ends: Table[Any] = Table(endpoints.columns(), lambda each: f"{each.service}|{each.address}")
        self._below = Grid(self._ends)
        self._below.idle_cursor = False
        self._below.empty = "sends to no service yet"
        self._why = Static()
        self._lower = Vertical(self._below, self._why, id="lower", classes="pane")

    def columns(self) -> Sequence[Column[Any]]:
        found = pods.columns(namespaced=not self.scope.namespace, clock=self.scene.clock)
        return [replace(each, title="RST") if each.key == "restarts" else each for each in found]

    def sources(self) -> dict[str, Opener]:
        return {"pods": lambda: self.mesh.pods(self.scope)}

    def body(self) -> Iterable[Widget]:
        yield self.grid
        yield self._lower

    def rows(self, answer: Any) -> Any:
        return answer.pods

    def key(self, row: Any) -> str:
        return f"{row.status.namespace}/{row.status.pod}"

    def label(self, row: Any) -> str:
        return str(row.status.pod)

    def labels(self, row: Any) -> Mapping[str, str]:
        return row.labels  # type: ignore[no-any-return]

    def description(self, row: Any) -> str:
        pairs = [("" if i else "LABELS", f"{key}={row.labels[key]}") for i, key in enumerate(sorted(row.labels))]
        return "\n".join([super().description(row), *([aligned(pairs)] if pairs else [])])

    def heading(self) -> str:
        return f"meshed pods {self.scope.title()}"

    def take(self, tag: str, answer: Any) -> None:
        super().take(tag, answer)
        self._detail(self.grid.row)

    def refused(self, tag: str, trouble: Trouble) -> None:
        super().refused(tag, trouble)
        self._detail(self.grid.row)

    @on(Grid.Moved)
    def _moved(self, event: Grid.Moved) -> None:
        if event.grid is self.grid:
            self._detail(event.row)

    def _detail(self, pod: Any) -> None:
        if pod is None:
            self._lower.display = False
            return
        self._lower.display = True
        well = pod.meshed and not pod.status.message
        self._below.display, self._why.display = well, not well
        if well:
            self._ends.put(pod.proxy.endpoints)
            self._below.show()
            entitle(self._lower, f"endpoints of {pod.status.pod} [{len(self._ends.lines)}]")
            return
        entitle(self._lower, pod.status.pod)
        bad = self.app.theme_variables.get("bad", "").replace("ansi_", "")
        text = Text()
        text.append(f"× {pods.message(pod)}\n", f"bold {bad}")
        for line in pod.status.last_lines:
            text.append(f"  {clean(line)}\n")
        self._why.update(text)

    def drill(self, row: Any) -> tuple[str, Scope] | None:
        return ("tap", _scope(row)) if row.meshed else None

    def action_logs(self) -> None:
        if self.grid.row is not None:
            self.post_message(ViewAsked("logs", _scope(self.grid.row)))

    def action_tap(self) -> None:
        self.action_open()


def _scope(pod: Any) -> Scope:
    return Scope("pod", pod.status.namespace, pod.status.pod)
