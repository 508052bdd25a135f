"""How single figures are written and judged: shares, rates, latencies, bytes, ages.

Columns, JSON records and pictures all take their figures from here, so that a number reads the same everywhere.
"""

import math

from meshtui.model.cell import NOTHING, Cell, Level

POOR, WEAK = 0.90, 0.95  # success below these is bad, or a warning (Linkerd's dashboard draws the line there)


def judge(success: float) -> Level:
    """Return what a share of successes (0 to 1) means."""
    if math.isnan(success):
        return Level.DIM
    if success < POOR:
        return Level.BAD
    return Level.WARN if success < WEAK else Level.GOOD


def share(success: int, failure: int) -> float:
    """Return successes over all (0 to 1); NaN without requests."""
    total = success + failure
    return success / total if total else math.nan


def percent(value: float) -> str:
    """Write a share (0 to 1); 100 % and 0 % only where they are exact."""
    if math.isnan(value):
        return "-"
    text = f"{value * 100:.2f}%"
    if text == "100.00%" and value < 1:
        return "99.99%"
    if text == "0.00%" and value > 0:
        return "0.01%"
    return text


def success(good: int, bad: int) -> Cell:
    """Return the cell of a success rate; a sign stands beside a bad one for those who see no colour."""
    value = share(good, bad)
    if math.isnan(value):
        return NOTHING
    level = judge(value)
    sign = {Level.BAD: "× ", Level.WARN: "‼ "}.get(level, "")
    return Cell(sign + percent(value), level)


def rate(per_second: float) -> str:
    """Write a rate with three figures that matter: 0.03, 4.2, 187, 12.4k."""
    if math.isnan(per_second):
        return "-"
    if per_second >= 9_999.5:
        return f"{per_second / 1000:.1f}k"
    if per_second >= 99.95:
        return f"{per_second:.0f}"
    return f"{per_second:.1f}" if per_second >= 0.95 or per_second == 0 else f"{per_second:.2f}"


def latency(ms: float) -> str:
    """Write a latency given in ms: 0.4ms, 12ms, 1.2s."""
    if math.isnan(ms):
        return "-"
    if ms >= 999.5:
        return f"{ms / 1000:.1f}s"
    return f"{ms:.0f}ms" if ms >= 9.95 else f"{ms:.1f}ms"


def size(count: float) -> str:
    """Write a number of bytes in powers of 1,024: 512B, 3.4KiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1023.5:
            return f"{count:.0f}{unit}" if unit == "B" or count >= 99.5 else f"{count:.1f}{unit}"
        count /= 1024
    return f"{count:.1f}TiB"


def age(seconds: float) -> str:
    """Write a span as kubectl does: 12s, 3m20s, 5h4m, 2d3h."""
    total = max(0, int(seconds))
    minutes, s = divmod(total, 60)
    hours, m = divmod(minutes, 60)
    days, h = divmod(hours, 24)
    if days:
        return f"{days}d{h}h" if h and days < 10 else f"{days}d"
    if hours:
        return f"{hours}h{m}m" if m else f"{hours}h"
    if minutes:
        return f"{minutes}m{s}s" if s and minutes < 10 else f"{minutes}m"
    return f"{total}s"


def number(value: float) -> float | None:
    """Return a figure for JSON: NaN, which JSON has not, becomes null."""
    return None if math.isnan(value) else round(value, 6)
