"""A view that is a table: filter, sort, marks, the row as YAML, and the way into the row.

Stat, top, edges and meshed pods are tables of other columns; each says which rows it takes from an answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from textual import on
from textual.widget import Widget

from meshtui import keys
from meshtui.messages import ViewAsked
from meshtui.model.cell import Column
from meshtui.model.document import aligned, as_yaml
from meshtui.model.filter import Filter
from meshtui.model.scope import Scope, Trouble, said
from meshtui.model.table import Table
from meshtui.screens.scene import Scene
from meshtui.screens.view import View, entitle
from meshtui.widgets.grid import Grid


class TableView(View):
    """Rows in a grid."""

    BINDINGS = keys.bindings("table")
    CONTEXTS: ClassVar[tuple[str, ...]] = ("table", "view", "app")
    FLEX: ClassVar[str] = ""
    DROP: ClassVar[tuple[str, ...]] = ()  # columns that go first where the screen is narrow
    TAILS: ClassVar[tuple[str, ...]] = ()  # columns whose end says more than their beginning
    SORT: ClassVar[tuple[str, bool]] = ("", False)  # column, descending
    WAITING: ClassVar[str] = "waiting for the first answer …"
    EMPTY: ClassVar[str] = "nothing here"

    def __init__(self, scene: Scene, scope: Scope) -> None:
        super().__init__(scene, scope)
        self.table: Table[Any] = Table(
            self.columns(), self.key, flex=self.FLEX, drop=self.DROP, tails=self.TAILS, labels=self.labels
        )
        self.table.sort_by(*self.SORT)
        self.grid = Grid(self.table)
        self.grid.empty = self.WAITING
        self.grid.add_class("pane")
        self.answered = False

    def columns(self) -> Sequence[Column[Any]]:
        """Return the columns for the scope."""
        return ()

    def key(self, row: Any) -> str:
        """Return what stays the same of a row from answer to answer."""
        return str(row)

    def rows(self, answer: Any) -> Iterable[Any]:
        """Return the rows of an answer."""
        return answer.rows  # type: ignore[no-any-return]

    def label(self, row: Any) -> str:
        """Return what `c` copies."""
        return self.key(row)

    def labels(self, row: Any) -> Mapping[str, str]:
        """Return a row's labels, where it has any."""
        return {}

    def drill(self, row: Any) -> tuple[str, Scope] | None:
        """Return the view and scope that enter leads to."""
        return None

    def heading(self) -> str:
        """Return the words before the count."""
        return f"{self.NAME} {self.scope.title()}"

    def note(self) -> str:
        return ""  # the heading says it

    def body(self) -> Iterable[Widget]:
        yield self.grid

    def on_mount(self) -> None:
        self.title_pane()
        if self.scope.filter:
            self._filter(self.scope.filter)

    def take(self, tag: str, answer: Any) -> None:
        self.answered = True
        self.table.put(self.rows(answer))
        self.grid.empty = "no row passes the filter" if self.filter else self.EMPTY
        self.grid.show()
        self.title_pane()

    def refused(self, tag: str, trouble: Trouble) -> None:
        if self.table.rows:
            super().refused(tag, trouble)
            return
        self.grid.empty = said(trouble)
        self.grid.refresh()

    def narrow(self, wanted: Filter) -> None:
        self.table.narrow(wanted)
        self.grid.show()
        self.title_pane()

    def title_pane(self) -> None:
        """Write the heading with its counts, as k9s does."""
        shown, all_rows = len(self.table.lines), len(self.table.rows)
        count = f"{shown}" if shown == all_rows else f"{shown} of {all_rows}"
        if not self.answered:
            count = "…"
        entitle(self.grid, " · ".join([f"{self.heading()} [{count}]", *self.title_marks()]))

    def title_marks(self) -> list[str]:
        """Return what narrows the rows, for the heading."""
        found = [f"/{self.filter.text}"] if self.filter else []
        found += ["faults only"] if self.table.faults else []
        return found + ([f"{len(self.table.marks)} marked"] if self.table.marks else [])

    # actions

    @on(Grid.Chosen)
    def _chosen(self, event: Grid.Chosen) -> None:
        event.stop()
        self.action_open()

    def action_open(self) -> None:
        row = self.grid.row
        leads = None if row is None else self.drill(row)
        if leads is None:
            if row is not None:
                self.action_describe()
            return
        self.post_message(ViewAsked(*leads))

    def action_sort_next(self) -> None:
        self._sort_beside(1)

    def action_sort_previous(self) -> None:
        self._sort_beside(-1)

    def _sort_beside(self, step: int) -> None:
        names = [column.key for column in self.table.columns]
        at = names.index(self.table.sorted_by) if self.table.sorted_by in names else -1 if step > 0 else 0
        self.grid.sort(names[(at + step) % len(names)])

    def action_wide(self) -> None:
        self.table.wide = not self.table.wide
        self.grid.show()

    def action_faults(self) -> None:
        self.table.only_faults(not self.table.faults)
        self.grid.show()
        self.title_pane()

    def chosen(self) -> list[Any]:
        """Return the rows that are marked; where none is, the cursor's."""
        marked = [row for row in self.table.rows if self.key(row) in self.table.marks]
        return marked or ([] if self.grid.row is None else [self.grid.row])

    def action_unmark(self) -> None:
        self.table.marks.clear()
        self.grid.refresh()
        self.title_pane()

    def action_mark(self) -> None:
        row = self.grid.row
        if row is not None:
            self.table.marks ^= {self.key(row)}
            self.grid.action_cursor_down()
            self.grid.refresh()
            self.title_pane()

    def action_copy(self) -> None:
        names = [self.label(row) for row in self.chosen()]
        if names:
            self.app.copy_to_clipboard("\n".join(names))
            self.flash(f"copied {', '.join(names)}")

    def action_yaml(self) -> None:
        row = self.grid.row
        if row is not None:
            self.post_message(ViewAsked("text", self.scope, title=f"{self.label(row)} yaml", text=self.document(row)))

    def action_describe(self) -> None:
        row = self.grid.row
        if row is not None:
            text = self.description(row)
            self.post_message(ViewAsked("text", self.scope, title=f"{self.label(row)}", text=text))

    def document(self, row: Any) -> str:
        """Return the data of a row as YAML."""
        return as_yaml(row)

    def description(self, row: Any) -> str:
        """Return every column of a row with its title, one a line."""
        columns = [column for column in self.table.everything if column.key != self.FLEX]
        return aligned([(column.title.strip(), column.cell(row).text.strip()) for column in columns])
