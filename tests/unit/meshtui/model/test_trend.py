"""Sparklines and drifts: shape, gaps, and no arrow without enough numbers."""

import math
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from meshcore.wire.stats_pb2 import Series
from meshtui.model.trend import Drift, arrow, drift, spark


def series(rps: float, success: list[float], p95: list[float] | None = None) -> Series:
    return Series(
        step_ms=1000, rps=[rps] * len(success), success=success, p95_ms=p95 or [math.nan] * len(success), start_ms=0
    )


def test_bars_rise_from_zero_to_the_highest() -> None:
    assert spark([0, 1, 2, 3, 4, 5, 6, 7, 8], 9) == "▁▂▃▄▅▆▇██"


def test_ascii_has_no_other_signs() -> None:
    assert spark([0, 4, 8], 3, ascii=True).isascii()


def test_gaps_stay_blank_and_short_series_stand_right() -> None:
    assert spark([1, math.nan, 1], 5) == "  █ █"


def test_long_series_are_squeezed_into_the_width() -> None:
    assert spark([1.0] * 60 + [2.0] * 60, 12) == "▅" * 6 + "█" * 6


def test_an_empty_series_is_blank() -> None:
    assert spark([], 4) == "    "
    assert spark([1.0], 0) == ""


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=200), st.integers(0, 40))
@settings(deadline=None)
def test_always_exactly_as_wide_as_asked(values: list[float], width: int) -> None:
    assert len(spark(values, width)) == width


def test_a_clear_fall_of_success_is_seen() -> None:
    assert drift(series(20, [1.0] * 30 + [0.85] * 30)) == Drift(success=-1)
    assert drift(series(20, [0.85] * 30 + [1.0] * 30)) == Drift(success=1)


def test_one_failure_among_few_requests_is_chance() -> None:
    assert drift(series(0.1, [1.0] * 30 + [0.0] + [1.0] * 29)) == Drift()
    assert drift(series(1, [1.0] * 30 + [0.0] + [1.0] * 29)) == Drift()


def test_steady_noise_has_no_arrow() -> None:
    noise = random.Random(7)
    found = [
        drift(series(10, [0.9 + noise.random() * 0.1 for _ in range(60)], [20 + noise.random() * 5 for _ in range(60)]))
        for _ in range(50)
    ]
    assert sum(each != Drift() for each in found) <= 2


def test_latency_that_doubled_is_seen() -> None:
    assert drift(series(5, [1.0] * 60, [20.0] * 30 + [40.0] * 30)) == Drift(latency=1)
    assert drift(series(5, [1.0] * 60, [40.0] * 30 + [20.0] * 30)) == Drift(latency=-1)


def test_latency_within_a_fifth_is_not() -> None:
    assert drift(series(5, [1.0] * 60, [20.0] * 30 + [22.0] * 30)) == Drift()


def test_nothing_measured_means_no_drift() -> None:
    assert drift(Series()) == Drift()
    assert drift(series(math.nan, [math.nan] * 60, [math.nan] * 60)) == Drift()


def test_arrows() -> None:
    assert [arrow(d) for d in (-1, 0, 1)] == ["▼", "", "▲"]
    assert [arrow(d, ascii=True) for d in (-1, 0, 1)] == ["v", "", "^"]
