"""The service graph: boxes and lines that can be walked along, clicked and scrolled, with a line on what is selected.

Screens call `update(answer)` with the edges of the wire; keys and mouse move the selection, `Selected` says that
enter was pressed on it. What quietened stays for a while, so that boxes keep their places.
"""

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from meshcore.wire.stats_pb2 import EdgesResponse
from meshtui.keys import bindings
from meshtui.model.drawing import BLANK, Atlas
from meshtui.model.graph import Graph, Memory, Node, busiest, fold, read
from meshtui.model.look import Look
from meshtui.model.walk import Selection, step
from meshtui.widgets.sheet import Caption, Sheet

MOST = 200  # nodes that are drawn; of more the busiest, as nobody reads on
CROWD = 40  # nodes from which several namespaces fold by themselves


class ServiceGraph(Vertical):
    """The graph of a mesh, and a line on what is selected.

    `labels` and `down` are None (whatever suits the room), True or False; `folded` holds namespaces shown as one box.
    """

    BINDINGS = bindings("map")
    DEFAULT_CSS = """
    ServiceGraph {
        height: 1fr;
        & > Caption { height: 1; dock: bottom; padding: 0 1; }
    }
    """

    class Moved(Message):
        """Something else is selected now; None: nothing."""

        def __init__(self, what: Selection | None) -> None:
            super().__init__()
            self.what = what

    class Selected(Message):
        """Enter, or a click on what is selected already: a node, or a call as (caller, callee)."""

        def __init__(self, what: Selection) -> None:
            super().__init__()
            self.what = what

    def __init__(self, *, ascii: bool = False, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.ascii = ascii
        self.labels: bool | None = None
        self.down: bool | None = None
        self.folded: set[str] | None = None  # None: whatever suits the number of nodes
        self.selected: Selection | None = None
        self.graph = Graph({}, {})
        self._whole = self.graph
        self._memory = Memory()
        self._atlas = Atlas()
        self._look = Look(ascii=ascii)
        self._picture = BLANK
        self._sheet, self._caption = Sheet(), Caption()

    def compose(self) -> ComposeResult:
        """Lay out the sheet above the line."""
        yield self._sheet
        yield self._caption

    def update(self, answer: EdgesResponse, keep: Callable[[Graph], Graph] | None = None) -> None:
        """Show new numbers; `keep` may leave nodes out (a filter, the surroundings of one)."""
        whole = self._memory.learn(read(answer))
        self._whole = keep(whole) if keep else whole
        self._sheet.say("")  # what stood in the way does no longer
        self._draw()

    def say(self, text: str) -> None:
        """Show words in the place of a graph that there is not."""
        self._sheet.say(text)

    def clear(self) -> None:
        """Forget everything, for another namespace or kind."""
        self._memory, self._whole = Memory(), Graph({}, {})
        self.select(None)

    def select(self, what: Selection | None) -> None:
        """Select a node or a call and scroll to it."""
        changed, self.selected = what != self.selected, what
        self._draw()
        if what is not None:
            self._sheet.reveal(what)
        if changed:
            self.post_message(self.Moved(what))

    def focus(self, scroll_visible: bool = True) -> "ServiceGraph":
        """Focus the sheet, which has the keys."""
        self._sheet.focus(scroll_visible)
        return self

    @property
    def look(self) -> Look:
        """How the graph is drawn now."""
        return self._look

    def _draw(self) -> None:
        folded = self.folded
        if folded is None:
            names = self._whole.namespaces
            folded = set(names) if len(names) > 1 and len(self._whole.nodes) > CROWD else set()
        self.graph = fold(self._whole, folded) if folded else self._whole
        self.graph = busiest(self.graph, MOST)
        if not self._there(self.selected):
            self.selected = None
        self._look = self._choose()
        self._picture = self._atlas.picture(self.graph, self._look)
        self._sheet.show(self._picture)
        self._caption.show(self.graph, self.selected, self._look)
        hidden = len(self._whole.nodes) - len(self.graph.nodes)
        self.border_subtitle = (
            f"the busiest {len(self.graph.nodes)}; filter to see others" if hidden > 0 and not folded else ""
        )

    def _there(self, what: Selection | None) -> bool:
        return (what in self.graph.nodes) if isinstance(what, Node) else (what in self.graph.edges)

    def _choose(self) -> Look:
        """Return the most telling look that fits, or else the one that is wide but not too wide."""
        room = self._sheet.size
        looks = [
            Look(down, labels, self.ascii, self.selected)
            for labels, down in ((True, False), (True, True), (False, False), (False, True))
            if self.labels in (None, labels) and self.down in (None, down)
        ]
        sizes = {look: self._atlas.size(self.graph, look) for look in looks}
        fitting = [look for look in looks if sizes[look][0] <= room.width and sizes[look][1] <= room.height]
        narrow = [look for look in looks if sizes[look][0] <= room.width]
        last = [look for look in looks if not look.labels] or looks
        return (fitting or narrow or last)[0]

    def on_sheet_clicked(self, event: Sheet.Clicked) -> None:
        """Select what was clicked; again opens it."""
        event.stop()
        if event.what is not None and event.what == self.selected:
            self.post_message(self.Selected(event.what))
        self.select(event.what)

    def on_sheet_resized(self, event: Sheet.Resized) -> None:
        """Draw again for the new room."""
        event.stop()
        self.select(self.selected)

    def action_go(self, x: int, y: int) -> None:
        """Move the selection one step."""
        along, across = (y, x) if self._look.down else (x, y)
        self.select(step(self.graph, self._picture.boxes, self.selected, along, across, down=self._look.down))

    def action_open(self) -> None:
        """Say that what is selected was chosen."""
        if self.selected is not None:
            self.post_message(self.Selected(self.selected))

    def action_labels(self) -> None:
        """Write labels on the lines, or only signs."""
        self.labels = not self._look.labels
        self.select(self.selected)

    def action_turn(self) -> None:
        """Draw from the top down, or from left to right."""
        self.down = not self._look.down
        self.select(self.selected)

    def action_fold(self) -> None:
        """Fold the namespace of the selected node into one box, or unfold it; all of them where none is selected."""
        everything = set(self._whole.namespaces)
        now = {node.namespace for node in self.graph.folded}
        if isinstance(self.selected, Node) and self.selected.namespace:
            self.folded = now ^ {self.selected.namespace}
            name = self.selected.namespace
            self.selected = Node(name, "namespace", name) if name in self.folded else None
        else:
            self.folded = set() if now else everything
        self.select(self.selected)
