"""Single requests as they happen: a list that follows the newest, pauses, and narrows down; enter inspects one.

The filter understands words such as `status=5xx`, `path=^/api` and `peer=vote-bot` (columns/sieve).
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from meshcore.wire.common_pb2 import Class, Direction, Protocol, Tls
from meshtui import keys
from meshtui.columns import exchange, sieve
from meshtui.messages import ViewAsked
from meshtui.model.cell import Column
from meshtui.model.document import as_yaml, plain
from meshtui.model.exchange import Exchange, Exchanges
from meshtui.model.filter import EVERYTHING, Filter, FilterError
from meshtui.model.quiet import opaque
from meshtui.model.scope import Scope, Trouble
from meshtui.pump import Pump
from meshtui.screens.scene import Scene
from meshtui.screens.table import TableView
from meshtui.widgets.foot import Foot
from meshtui.widgets.grid import Grid

PAINT_S = 0.2
DIRECTIONS = (None, Direction.INBOUND, Direction.OUTBOUND)
WORDS = {None: "both directions", Direction.INBOUND: "inbound", Direction.OUTBOUND: "outbound"}


class TapView(TableView):
    """The tap list."""

    BINDINGS = keys.bindings("tap")
    CONTEXTS: ClassVar[tuple[str, ...]] = ("tap", "table", "view", "app")
    NAME = "tap"
    NOTES = (
        ("method=GET,POST", "methods"),
        ("path=^/api", "paths; so authority=, route="),
        ("status=5xx", "HTTP status; so 404, 500-503"),
        ("grpc=Unavailable", "gRPC status"),
        ("class=failure", "or success"),
        ("peer=web", "either end; so source=, destination="),
        ("latency>100ms", "or <2s"),
        ("!…", "what does not"),
    )
    DROP = ("tls", "size", "method", "direction")
    TAILS = ("path",)
    WAITING = "waiting for requests …"
    EMPTY = "waiting for requests …"

    def __init__(self, scene: Scene, scope: Scope) -> None:
        self.exchanges = Exchanges()
        super().__init__(scene, scope)
        self.follow = True
        self.failures = False
        self.direction: Any = None
        self.dropped = 0
        self.sidecars = 0
        self._quiet = ""  # why there may be nothing to see
        self._heard = False  # the tap answers: what stands where rows would be is no refusal
        self._test: sieve.Test = _everything
        self._dirty = False

    def columns(self) -> Sequence[Column[Any]]:
        return exchange.columns(ascii=self.scene.ascii)

    def key(self, row: Exchange) -> str:
        return row.id

    def label(self, row: Exchange) -> str:
        return row.path

    def document(self, row: Exchange) -> str:
        enums: dict[str, Any] = {"direction": Direction, "protocol": Protocol, "tls": Tls, "classification": Class}
        named = {name: enum.Name(getattr(row, name)) for name, enum in enums.items()}
        return as_yaml({**plain(row), **named})

    def start(self) -> None:
        self.stop()
        self._pumps["tap"] = Pump(self, "tap", lambda: self.mesh.observe(self.scope), every=True)
        if not len(self.exchanges):
            self._pumps["stat"] = Pump(self, "stat", lambda: self.mesh.stat(self.scope))

    def on_mount(self) -> None:
        self.set_interval(PAINT_S, self._paint)

    def heading(self) -> str:
        return f"tap {self.scope.title()}"

    def crumb(self) -> str:
        return f"tap {self.scope.title()}"

    def take(self, tag: str, answer: Any) -> None:
        if tag == "stat":
            self._quiet = opaque(answer.rows)
            self._dirty = self._dirty or self._heard
            return
        self._dirty = True
        if answer.events:
            self.pump("stat", None)  # nothing has to be explained any more
        self.exchanges.extend(answer.events)
        self.dropped += answer.dropped
        self.sidecars = answer.sidecars
        self.answered = self._heard = True

    def refused(self, tag: str, trouble: Trouble) -> None:
        if tag != "stat":  # who may see requests need not have the right to figures
            self._heard = False
            super().refused(tag, trouble)

    def _paint(self) -> None:
        if self._dirty and self.is_current:
            self._dirty = False
            self.show_rows()

    def show_rows(self) -> None:
        """Put what passes into the grid; the cursor stays on the newest while following."""
        rows = [row for row in self.exchanges.rows() if self._shows(row)]
        rows.sort(key=_began)  # sidecars report in turn: what came first did not always begin first
        self.table.put(rows)
        self.grid.empty = (
            "no request passes the filter"
            if self.table.rows == [] and len(self.exchanges)
            else f"{self.EMPTY}  {self._quiet}".rstrip()
        )
        self.grid.show()
        if self.follow and not self.paused and not self.table.sorted_by:
            self.grid.action_last()
        self.title_pane()

    def _shows(self, row: Exchange) -> bool:
        if self.failures and not row.failed:
            return False
        if self.direction is not None and row.direction != self.direction:
            return False
        return self._test(row)

    def title_marks(self) -> list[str]:
        found = super().title_marks()
        found += ["only failures"] if self.failures else []
        found += [WORDS[self.direction]] if self.direction is not None else []
        found += [f"{self.exchanges.unseen} new"] if self.paused and self.exchanges.unseen else []
        return found + ([f"{self.dropped} not shown (too many)"] if self.dropped else [])

    def _filter(self, text: str, *, quiet: bool = False) -> None:
        try:
            self._test = sieve.parse(text) if text.strip() else _everything
        except FilterError as error:
            if not quiet:
                self.query_one(Foot).flash(str(error), "error", about="filter")
            return
        self.query_one(Foot).settle("filter")
        self.filter = Filter(text.strip()) if text.strip() else EVERYTHING
        self.show_rows()
        self.describe_state()

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """Following ends when somebody looks at an older one, and goes on at the newest."""
        if event.by_hand and not self.paused:
            self.follow = self.grid.cursor >= len(self.table.lines) - 1

    def action_open(self) -> None:
        row = self.grid.row
        if row is not None:
            self.post_message(ViewAsked("inspect", self.scope, one=row, exchanges=self.exchanges))

    def action_pause(self) -> None:
        self.paused = not self.paused
        if self.paused:
            self.exchanges.pause()
        else:
            self.exchanges.resume()
        self.show_rows()
        self.describe_state()

    def action_follow(self) -> None:
        self.follow = not self.follow
        self.flash("following the newest" if self.follow else "standing still; new ones go on arriving")
        self.show_rows()

    def action_failures(self) -> None:
        self.failures = not self.failures
        self.show_rows()

    def action_inbound(self) -> None:
        self.direction = DIRECTIONS[(DIRECTIONS.index(self.direction) + 1) % len(DIRECTIONS)]
        self.show_rows()

    def action_clear(self) -> None:
        self.exchanges.clear()
        self.show_rows()


def _began(row: Exchange) -> int:
    return row.started_us


def _everything(_: Exchange) -> bool:
    return True
