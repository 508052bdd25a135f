"""Buckets and quantiles: a quantile never leaves the bucket that holds it."""

import math

from hypothesis import given
from hypothesis import strategies as st

from meshcore.wire.buckets import BOUNDS_MS, SIZE, index, quantile


def test_the_bounds_are_linkerds() -> None:
    assert len(BOUNDS_MS) == 25
    assert BOUNDS_MS[:6] == (1, 2, 3, 4, 5, 10)
    assert BOUNDS_MS[-1] == 50_000


def test_a_bound_belongs_to_its_bucket() -> None:
    assert index(1.0) == 0
    assert index(1.001) == 1
    assert index(50_000) == 24
    assert index(50_001) == 25


def test_nothing_has_no_quantile() -> None:
    assert math.isnan(quantile([0] * SIZE, 0.5))


@given(st.lists(st.floats(0, 60_000), min_size=1, max_size=200), st.floats(0.01, 1))
def test_a_quantile_is_in_the_bucket_of_the_true_one(values: list[float], q: float) -> None:
    counts = [0] * SIZE
    for value in values:
        counts[index(value)] += 1
    true = sorted(values)[math.ceil(q * len(values)) - 1]
    answer = quantile(counts, q)
    i = index(true)
    low = BOUNDS_MS[i - 1] if i else 0
    high = BOUNDS_MS[min(i, len(BOUNDS_MS) - 1)]
    assert min(low, high) <= answer <= high
