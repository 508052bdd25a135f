"""Golden-signal plots: arrangement by size, gaps, no colour needed, and nothing that could end the process."""

import math

import pytest

from meshcore.wire.stats_pb2 import Series
from meshtui.widgets.plot import Plot
from tests.support.stage import Stage


def series(n: int, value: float = 1.0) -> Series:
    return Series(
        step_ms=1000,
        rps=[20.0] * n,
        success=[value] * n,
        p50_ms=[5.0] * n,
        p95_ms=[50.0] * n,
        p99_ms=[500.0] * n,
    )


async def drawn(size: tuple[int, int], shown: Series | None, *, ascii: bool = False) -> str:
    plot = Plot(ascii=ascii)
    async with Stage(plot).run_test(size=size) as pilot:
        plot.update(shown)
        await pilot.pause()
        return plot.render().plain


async def test_side_by_side_where_wide() -> None:
    heading = (await drawn((120, 12), series(60))).splitlines()[0]
    assert all(word in heading for word in ("success  100.00%", "rps  20.0", "p50 5.0ms  p95 50ms  p99 500ms"))


async def test_one_below_the_other_where_narrow() -> None:
    lines = (await drawn((60, 20), series(60))).splitlines()
    assert lines[0].startswith("success")
    assert sum(line.startswith(("success", "rps", "latency")) for line in lines) == 3
    assert len(lines) == 20


async def test_a_legend_without_room_shares_its_unit() -> None:
    assert "p50 5.0 95 50 99 500ms" in (await drawn((78, 8), series(60))).splitlines()[0]
    slow = series(60)
    slow.p99_ms[:] = [1500.0] * 60
    assert "p50 5.0ms 95 50ms" in (await drawn((78, 8), slow)).splitlines()[0]


async def test_curves_are_named_at_their_end() -> None:
    lines = (await drawn((60, 24), series(60))).splitlines()
    ends = [line.split()[-1] for line in lines if line.split()[-1:] and line.split()[-1] in ("p50", "p95", "p99")]
    assert ends == ["p99", "p95", "p50"]


async def test_success_alone_in_the_smallest_room() -> None:
    lines = (await drawn((24, 6), series(60))).splitlines()
    assert lines[0].startswith("success") and len(lines) == 6
    assert all(len(line) == 24 for line in lines)


async def test_a_bad_state_has_a_sign() -> None:
    assert "× 50.00%" in await drawn((120, 12), series(60, 0.5))
    assert "x 50.00%" in await drawn((120, 12), series(60, 0.5), ascii=True)


async def test_ascii_has_no_other_signs() -> None:
    assert (await drawn((120, 12), series(60), ascii=True)).isascii()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -5.0, 1e300, 0.0])
@pytest.mark.parametrize("n", [1, 2, 500])
async def test_no_value_ends_the_process(value: float, n: int) -> None:
    wild = Series(step_ms=1000, rps=[value] * n, success=[value] * n, p50_ms=[value] * n)
    assert await drawn((90, 8), wild)


@pytest.mark.parametrize("size", [(1, 1), (10, 3), (24, 2), (80, 3), (200, 60)])
async def test_any_size_draws(size: tuple[int, int]) -> None:
    await drawn(size, series(60))


async def test_nothing_selected_says_so() -> None:
    assert await drawn((80, 10), None) == "no data yet"
