"""Sparklines and drifts: how a figure moved over the window, in a few characters.

Tables and headers call it with series of the wire. Pure. A drift is reported only where the numbers behind it
rule out chance: a service with three requests a minute shows no arrow for one failure.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from meshcore.wire.stats_pb2 import Series

BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = "_.,-=+*#"
CERTAIN = 2.58  # standard errors: by chance once in a hundred looks
FEWEST = 20  # requests in each half before success may be compared
Fold = Callable[[Sequence[float]], float]
STEPS = 5  # steps with requests in each half before latency may be compared


@dataclass(frozen=True, slots=True)
class Drift:
    """Direction (-1, 0, 1) in which success and latency moved between the halves of a window."""

    success: int = 0
    latency: int = 0


def spark(values: Sequence[float], width: int, *, ascii: bool = False, top: float = 0.0) -> str:
    """Return `values` as bars, newest at the right; a blank where nothing was measured.

    The scale starts at zero and ends at the highest value, or at `top` if that is higher.
    """
    if width <= 0:
        return ""
    points = squeeze(values, width)
    known = [value for value in points if math.isfinite(value)]
    highest = max([*known, top], default=0.0)
    bars = ASCII_BARS if ascii else BARS
    drawn = "".join(_bar(value, highest, bars) for value in points)
    return drawn.rjust(width)


def drift(series: Series) -> Drift:
    """Return how success and p95 latency moved from the first half of a series to the second."""
    half = len(series.rps) // 2
    if half == 0:
        return Drift()
    seconds = series.step_ms / 1000 or 1.0
    counts = [0.0 if math.isnan(rps) else rps * seconds for rps in series.rps]
    return Drift(_success(counts, series.success, half), _latency(counts, series.p95_ms, half))


def arrow(direction: int, *, ascii: bool = False) -> str:
    """Return the sign of a direction; empty where nothing moved."""
    if direction == 0:
        return ""
    return ("^" if direction > 0 else "v") if ascii else ("▲" if direction > 0 else "▼")


def mean(values: Sequence[float]) -> float:
    """Return the arithmetic mean."""
    return sum(values) / len(values)


def squeeze(values: Sequence[float], width: int, fold: Fold = mean) -> list[float]:
    """Return at most `width` points: equal runs folded into one each, the newest run complete."""
    if len(values) <= width:
        return list(values)
    run = math.ceil(len(values) / width)
    points: list[float] = []
    for end in range(len(values), 0, -run):
        known = [value for value in values[max(0, end - run) : end] if math.isfinite(value)]
        points.append(fold(known) if known else math.nan)
    return points[::-1]


def _bar(value: float, highest: float, bars: str) -> str:
    if not math.isfinite(value):
        return " "
    if highest <= 0 or value <= 0:
        return bars[0]
    return bars[min(len(bars) - 1, int(value / highest * len(bars)))]


def _success(counts: Sequence[float], success: Sequence[float], half: int) -> int:
    """Two-proportion z-test over the requests of each half."""
    before, after = _tally(counts[:half], success[:half]), _tally(counts[half:], success[half:])
    if min(before[1], after[1]) < FEWEST:
        return 0
    difference = after[0] / after[1] - before[0] / before[1]
    pooled = (before[0] + after[0]) / (before[1] + after[1])
    error = math.sqrt(pooled * (1 - pooled) * (1 / before[1] + 1 / after[1]))
    if error == 0 or abs(difference) < 0.005 or abs(difference) / error < CERTAIN:
        return 0
    return 1 if difference > 0 else -1


def _tally(counts: Sequence[float], success: Sequence[float]) -> tuple[float, float]:
    known = [(count, share) for count, share in zip(counts, success, strict=False) if count and math.isfinite(share)]
    return sum(count * share for count, share in known), sum(count for count, _ in known)


def _latency(counts: Sequence[float], latency: Sequence[float], half: int) -> int:
    """Rank test (Mann-Whitney) over the p95 of each step; the medians must also differ by a fifth and by 1 ms."""

    def known(side: slice) -> list[float]:
        return [ms for count, ms in zip(counts[side], latency[side], strict=False) if count and math.isfinite(ms)]

    before, after = known(slice(None, half)), known(slice(half, None))
    m, n = len(before), len(after)
    if min(m, n) < STEPS:
        return 0
    old, new = sorted(before)[m // 2], sorted(after)[n // 2]
    if abs(new - old) < max(1.0, 0.2 * min(old, new)):
        return 0
    wins = sum((b > a) + 0.5 * (b == a) for a in before for b in after)
    z = (wins - m * n / 2) / math.sqrt(m * n * (m + n + 1) / 12)
    # The rank test must agree with the medians: a direction that only one of them sees is no drift.
    direction = 1 if z > 0 else -1
    return direction if abs(z) >= CERTAIN and (new > old) == (z > 0) else 0
