"""Figures are never nicer than the truth."""

import math

import pytest

from meshtui.model import figures
from meshtui.model.cell import Level


@pytest.mark.parametrize(
    ("good", "bad", "text", "level"),
    [
        (0, 0, "-", Level.DIM),
        (10, 0, "100.00%", Level.GOOD),
        (999_999, 1, "99.99%", Level.GOOD),
        (1, 999_999, "× 0.01%", Level.BAD),
        (0, 5, "× 0.00%", Level.BAD),
        (94, 6, "‼ 94.00%", Level.WARN),
        (95, 5, "95.00%", Level.GOOD),
        (899, 101, "× 89.90%", Level.BAD),
    ],
)
def test_success(good: int, bad: int, text: str, level: Level) -> None:
    assert figures.success(good, bad) == (text, level)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0.0"), (0.031, "0.03"), (4.21, "4.2"), (99.96, "100"), (187.4, "187"), (12_400, "12.4k")]
)
def test_rate(value: float, text: str) -> None:
    assert figures.rate(value) == text


@pytest.mark.parametrize(
    ("ms", "text"), [(0.42, "0.4ms"), (9.96, "10ms"), (12.3, "12ms"), (999.4, "999ms"), (1234, "1.2s"), (math.nan, "-")]
)
def test_latency(ms: float, text: str) -> None:
    assert figures.latency(ms) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0B"), (1023, "1023B"), (1024, "1.0KiB"), (5 << 20, "5.0MiB")])
def test_size(count: int, text: str) -> None:
    assert figures.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0s"), (59.9, "59s"), (200, "3m20s"), (3600, "1h"), (18_240, "5h4m"), (183_600, "2d3h")]
)
def test_age(seconds: float, text: str) -> None:
    assert figures.age(seconds) == text
