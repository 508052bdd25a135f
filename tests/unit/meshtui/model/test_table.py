"""Rows under columns: order, filter and widths."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from meshtui.model.cell import Cell, Column, Level
from meshtui.model.filter import parse
from meshtui.model.table import Table, clip


class Row(NamedTuple):
    name: str
    rps: float | None = None
    bad: bool = False


def table(**options: object) -> Table[Row]:
    columns: list[Column[Row]] = [
        Column("name", "NAME", lambda row: Cell(row.name), lambda row: row.name, hotkey="N"),
        Column(
            "rps",
            "RPS",
            lambda row: Cell("-" if row.rps is None else f"{row.rps:.1f}", Level.BAD if row.bad else Level.PLAIN),
            lambda row: row.rps,
            "right",
            hotkey="R",
            descending=True,
        ),
        Column("trend", "TREND", lambda row: Cell("▁" * 60), lambda row: 0, width=12),
        Column("more", "MORE", lambda row: Cell("x"), lambda row: 0, wide=True),
    ]
    return Table(columns, lambda row: row.name, **options)  # type: ignore[arg-type]


def names(of: Table[Row]) -> list[str]:
    return [row.name for row in of.lines]


def test_rows_without_a_value_come_last_in_either_direction() -> None:
    t = table()
    t.put([Row("a"), Row("b", 2), Row("c", 1)])
    t.sort_by("rps")
    assert names(t) == ["b", "c", "a"]
    t.sort_by("rps")
    assert names(t) == ["c", "b", "a"]


def test_the_order_stays_when_rows_are_replaced() -> None:
    t = table()
    t.sort_by("rps", True)
    t.put([Row("a", 1), Row("b", 2)])
    t.put([Row("a", 3), Row("b", 2)])
    assert names(t) == ["a", "b"]


def test_a_hotkey_finds_a_column_that_shows() -> None:
    t = table()
    assert t.by_hotkey("R") is not None
    assert t.by_hotkey("X") is None


def test_filter_and_faults_narrow_together() -> None:
    t = table()
    t.put([Row("web", 1), Row("web-bad", 1, True), Row("emoji", 1, True)])
    t.narrow(parse("web"))
    assert names(t) == ["web", "web-bad"]
    t.only_faults(True)
    assert names(t) == ["web-bad"]


def test_wide_columns_show_when_asked_for() -> None:
    t = table()
    assert [column.key for column in t.columns] == ["name", "rps", "trend"]
    t.wide = True
    assert [column.key for column in t.columns][-1] == "more"


def test_columns_that_are_dropped_first_go_first() -> None:
    t = table(drop=("rps",))
    t.put([Row("x" * 30, 1)])
    widths, _ = t.widths(36, t.lines)
    assert widths[1] == 0


def test_the_flexible_column_takes_what_is_left() -> None:
    t = table(flex="trend")
    t.put([Row("web", 1)])
    widths, gap = t.widths(40, t.lines)
    assert sum(widths) + 2 * gap <= 40
    assert widths[2] >= 10


def test_widths_do_not_shrink_when_figures_get_shorter() -> None:
    t = table()
    t.put([Row("web", 123456.7)])
    before = t.widths(80, t.lines)[0]
    t.put([Row("web", 1)])
    assert t.widths(80, t.lines)[0] == before


@given(
    st.integers(20, 200),
    st.lists(st.tuples(st.text("abcdefgh-", min_size=1, max_size=60), st.floats(0, 1e6)), max_size=20),
)
def test_a_table_fits_unless_nothing_more_can_give(viewport: int, rows: list[tuple[str, float]]) -> None:
    t = table(flex="trend", drop=("rps",))
    t.put([Row(name, rps) for name, rps in rows])
    widths, gap = t.widths(viewport, t.lines)
    shown = [width for width in widths if width]
    total = sum(shown) + gap * (len(shown) - 1)
    assert total <= viewport or widths[0] <= 16


def test_a_clipped_text_says_so() -> None:
    assert clip("abcdef", 4) == "abc…"
    assert clip("abcdef", 4, keep_end=True) == "…def"
    assert clip("abc", 3) == "abc"
    assert clip("abc", 0) == ""
