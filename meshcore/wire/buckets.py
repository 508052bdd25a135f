"""Latency buckets: the 25 bounds of Linkerd's proxy, and quantiles read from counts in them.

Sidecars count into them, the rollup adds them up, `/metrics` prints them.
"""

from bisect import bisect_left
from collections.abc import Sequence

BOUNDS_MS: tuple[int, ...] = tuple(step * scale for scale in (1, 10, 100, 1000, 10000) for step in (1, 2, 3, 4, 5))
SIZE = len(BOUNDS_MS) + 1  # the last bucket is +Inf


def index(latency_ms: float) -> int:
    """Return the bucket of a latency; bounds are inclusive, as in Prometheus (`le`)."""
    return bisect_left(BOUNDS_MS, latency_ms)


def quantile(counts: Sequence[int], q: float) -> float:
    """Return the `q` quantile (0 to 1) in ms by linear interpolation inside its bucket.

    As Prometheus' histogram_quantile: the +Inf bucket answers the highest bound. NaN without samples.
    """
    total = sum(counts)
    if total == 0:
        return float("nan")
    rank = q * total
    below = 0
    for i, count in enumerate(counts):
        if count and below + count >= rank:
            if i >= len(BOUNDS_MS):
                break
            low = BOUNDS_MS[i - 1] if i else 0
            return low + (BOUNDS_MS[i] - low) * (rank - below) / count
        below += count
    return float(BOUNDS_MS[-1])
