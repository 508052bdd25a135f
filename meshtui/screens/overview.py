"""The first view: the stat table, the golden signals of its selected row, and that row's requests as they happen.

Panes that have no room step back: 24 lines show table and plots, more lines the tap, wide screens the graph
beside the table. `z` zooms the pane with the focus.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from textual import on
from textual.containers import Container
from textual.timer import Timer
from textual.widget import Widget

from meshtui import keys
from meshtui.columns import exchange
from meshtui.messages import ViewAsked
from meshtui.model.exchange import Exchange, Exchanges
from meshtui.model.graph import Node
from meshtui.model.scope import Scope, Trouble, said, short
from meshtui.model.table import Table
from meshtui.screens.graph import drill
from meshtui.screens.scene import Scene
from meshtui.screens.stat import StatView, subject
from meshtui.screens.view import entitle
from meshtui.widgets.graph import ServiceGraph
from meshtui.widgets.grid import Grid
from meshtui.widgets.plot import Plot

SETTLE_S = 0.35  # the tap follows a cursor that has come to rest
PAINT_S = 0.5
WIDE = 150  # columns from which plots stand beside the tables
LOW = 19  # lines below which the table stands alone
TALL = 30  # lines from which the tap shows
KEPT = 300
WAITING = "waiting for requests …"


class OverviewView(StatView):
    """Table, plots and tap in panes."""

    BINDINGS = keys.bindings("overview")
    CONTEXTS: ClassVar[tuple[str, ...]] = ("overview", "workload", "table", "view", "app")
    NAME = "overview"
    DEFAULT_CSS = """
    OverviewView {
        & #panes { layout: grid; grid-size: 1 3; grid-rows: 11fr 12 9fr; height: 1fr; }
        & #panes.-low { grid-size: 1 2; grid-rows: 1fr 9; }
        & #panes.-low #tap { display: none; }
        & #panes.-flat { grid-size: 1 1; grid-rows: 1fr; }
        & #panes.-flat #plot { display: none; }
        & #graph { display: none; }
        & #panes.-wide { grid-size: 2 3; grid-columns: 3fr 2fr; grid-rows: 11fr 14 10fr; grid-gutter: 0 2; }
        & #panes.-wide #plot, & #panes.-wide #tap { column-span: 2; }
        & #panes.-wide #graph { display: block; }
        & #panes.-zoom { grid-size: 1 1; grid-rows: 1fr; grid-columns: 1fr; }
        & #panes.-zoom > * { display: none; }
        & #panes.-zoom > .-current { display: block; column-span: 1; row-span: 1; }
        & #plot { padding: 0 1; }
    }
    """

    def __init__(self, scene: Scene, scope: Scope) -> None:
        super().__init__(scene, scope)
        self.grid.id = "table"
        self.exchanges = Exchanges(KEPT)
        self._calls: Table[Exchange] = Table(
            exchange.columns(ascii=scene.ascii),
            lambda row: row.id,
            drop=("tls", "size", "method", "direction"),
            tails=("path",),
        )
        self.tap = Grid(self._calls, id="tap")
        self.tap.add_class("pane")
        self.tap.idle_cursor = False
        self.tap.empty = WAITING
        self.plot = Plot(ascii=scene.ascii, id="plot", classes="pane")
        self.plot.can_focus = True
        self.graph = ServiceGraph(ascii=scene.ascii, id="graph", classes="pane")
        self._timer: Timer | None = None
        self._tapped: Scope | None = None
        self._dirty = False
        self._drawn = False  # whether the graph's source runs

    def body(self) -> Iterable[Widget]:
        yield Container(self.grid, self.graph, self.plot, self.tap, id="panes")

    def on_mount(self) -> None:
        entitle(self.tap, "requests")
        entitle(self.plot, "golden signals")
        entitle(self.graph, "graph")
        self.set_interval(PAINT_S, self._paint)

    def on_resize(self) -> None:
        panes = self.query_one("#panes")
        wide = self.size.width >= WIDE and self.size.height >= TALL
        panes.set_class(wide, "-wide")
        panes.set_class(self.size.height < TALL, "-low")
        panes.set_class(self.size.height < LOW, "-flat")
        self.call_after_refresh(self._draw_graph)
        self._settle()

    def crumb(self) -> str:
        return "overview"

    def start(self) -> None:
        super().start()
        self._tapped, self._drawn = None, False
        self._settle()
        self.call_after_refresh(self._draw_graph)

    def take(self, tag: str, answer: Any) -> None:
        if tag == "tap":
            self.exchanges.extend(answer.events)
            self.tap.empty = WAITING
            self._dirty = True
            return
        if tag == "edges":
            self.graph.update(answer)
            return
        super().take(tag, answer)
        self._draw()

    def refused(self, tag: str, trouble: Trouble) -> None:
        if tag == "tap":
            self.tap.empty = said(trouble)
            self.tap.refresh()
        elif tag == "edges":
            self.graph.say(said(trouble))
        else:
            super().refused(tag, trouble)

    def _draw(self) -> None:
        row = self.grid.row
        if row is None:
            self.plot.update(None)
            entitle(self.plot, "golden signals")
            return
        self.plot.update(row.series)
        entitle(self.plot, f"golden signals {short(self.scope.kind)}/{row.resource.name}")

    def _draw_graph(self) -> None:
        """Ask for edges while the graph shows."""
        if self.graph.display != self._drawn:
            self._drawn = self.graph.display
            wanted = Scope("deployment", self.scope.namespace)
            self.pump("edges", (lambda: self.mesh.edges(wanted)) if self._drawn else None)

    def _paint(self) -> None:
        if self._dirty and self.is_current and self.tap.display:
            self._dirty = False
            following = self.tap.cursor >= len(self._calls.lines) - 1
            self._calls.put(sorted(self.exchanges.rows(), key=lambda row: row.started_us))
            self.tap.show()
            if following or not self.tap.has_focus:
                self.tap.action_last()

    @on(Grid.Moved)
    def _moved(self, event: Grid.Moved) -> None:
        if event.grid is self.grid:
            self._draw()
            self._settle()

    def _settle(self) -> None:
        """Tap the row under the cursor once it has rested there."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(SETTLE_S, self._tap)

    def _tap(self) -> None:
        row = self.grid.row
        wanted = None if row is None or not self.tap.display else subject(self.scope.kind, row)
        if wanted == self._tapped or self.paused:
            return
        self._tapped = wanted
        self.exchanges.clear()
        self._calls.put([])
        self.tap.show()
        entitle(self.tap, "requests" if wanted is None else f"requests of {wanted.title()}")
        self.pump("tap", None if wanted is None else lambda: self.mesh.observe(wanted), every=True)

    @on(ServiceGraph.Moved)
    def _walked(self, event: ServiceGraph.Moved) -> None:
        """What is selected in the graph is selected in the table."""
        event.stop()
        if isinstance(event.what, Node):
            self.grid.go_to(f"{event.what.namespace}/{event.what.name}")

    @on(ServiceGraph.Selected)
    def _selected(self, event: ServiceGraph.Selected) -> None:
        event.stop()
        leads = drill(event.what)
        if leads is not None:
            self.post_message(ViewAsked(*leads))

    def action_pause(self) -> None:
        super().action_pause()
        if self.paused:
            self.exchanges.pause()
        else:
            self.exchanges.resume()
            self._settle()

    def action_open(self) -> None:
        row = self.tap.row
        if self.tap.has_focus and row is not None:
            self.post_message(ViewAsked("inspect", self.scope, one=row, exchanges=self.exchanges))
        else:
            super().action_open()

    # panes

    def _shown(self) -> list[Widget]:
        panes = self.query_one("#panes")
        return [pane for pane in panes.children if panes.has_class("-zoom") or pane.display]

    def action_next_pane(self) -> None:
        self._step(1)

    def action_previous_pane(self) -> None:
        self._step(-1)

    def _step(self, step: int) -> None:
        panes = self._shown()
        here = next((i for i, pane in enumerate(panes) if self._has(pane) or pane.has_class("-current")), 0)
        self._current(panes[(here + step) % len(panes)])

    def _current(self, pane: Widget) -> None:
        for each in self.query_one("#panes").children:
            each.set_class(each is pane and self.query_one("#panes").has_class("-zoom"), "-current")
        self.call_after_refresh(pane.focus)

    def _has(self, pane: Widget) -> bool:
        return self.focused is not None and pane in self.focused.ancestors_with_self

    def action_zoom(self) -> None:
        panes = self.query_one("#panes")
        pane = next((each for each in panes.children if self._has(each)), self.grid)
        panes.toggle_class("-zoom")
        self._current(pane)
        self.call_after_refresh(self._settle)
        self.call_after_refresh(self._draw_graph)
