"""Axes: round limits and short labels."""

import math

import pytest

from meshtui.model import scale


@pytest.mark.parametrize(
    ("value", "rounded"), [(0, 1), (0.03, 0.03), (7, 8), (49, 50), (62, 80), (100, 100), (101, 150), (math.inf, 1)]
)
def test_round_up(value: float, rounded: float) -> None:
    assert math.isclose(scale.round_up(value), rounded)


def test_success_zooms_in_where_little_fails() -> None:
    assert scale.success([1.0, 0.97]).labels == ("90%", "95%", "100%")
    assert scale.success([1.0, 0.6]).labels == ("50%", "75%", "100%")
    assert scale.success([0.0, math.nan]).labels == ("0%", "50%", "100%")


def test_amounts_start_at_zero() -> None:
    assert scale.amount([3.0, 47.0]).labels == ("0", "25", "50")
    assert scale.amount([1800.0], unit="ms").labels == ("0s", "1s", "2s")
    assert scale.amount([]).high == 1.0


def test_time_ends_now() -> None:
    assert scale.seconds(120).labels == ("-2m", "-1m", "now")
    assert scale.seconds(90).labels == ("-1m30s", "-45s", "now")
