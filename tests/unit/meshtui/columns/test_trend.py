"""The trend column: where it stands, and the arrows beside the figures that moved."""

from meshcore.wire.stats_pb2 import HttpStats, Series, StatRow
from meshtui.columns import stat
from meshtui.columns.trend import with_trend
from meshtui.model.cell import NOTHING, Level


def row(success: list[float]) -> StatRow:
    n = len(success)
    return StatRow(
        http=HttpStats(success=97, failure=3, rps=20, p95_ms=12, samples=100),
        series=Series(step_ms=1000, rps=[20.0] * n, success=success, p95_ms=[12.0] * n),
    )


def test_the_trend_stands_beside_the_rate() -> None:
    keys = [column.key for column in with_trend(stat.columns("deployment"))]
    assert keys.index("trend") == keys.index("rps") + 1


def test_a_fall_is_marked_and_warns() -> None:
    cells = {c.key: c.cell(row([1.0] * 30 + [0.9] * 30)) for c in with_trend(stat.columns("deployment"))}
    assert cells["success"].text.endswith("▼")
    assert cells["success"].level is Level.WARN
    assert cells["p95"].text == "12ms  "
    assert cells["trend"].text == "▇" * 12


def test_no_series_no_trend() -> None:
    cells = {c.key: c.cell(StatRow()) for c in with_trend(stat.columns("deployment"))}
    assert cells["trend"] == NOTHING
