"""Axes of a chart: round limits, few ticks and their labels. Pure; the plots call it."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

_STEPS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


class Scale(NamedTuple):
    """Limits of an axis and what is written beside it."""

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]

    def clamp(self, value: float) -> float:
        """Return `value` moved into the limits."""
        return min(self.high, max(self.low, value))


def success(values: Sequence[float], *, ticks: int = 3) -> Scale:
    """Return a scale of shares (0 to 1): from the next lower of 90 %, 50 % and 0 up to 100 %."""
    lowest = min((value for value in values if math.isfinite(value)), default=1.0)
    low = next(floor for floor in (0.9, 0.5, 0.0) if lowest >= floor or floor == 0.0)
    return _scale(low, 1.0, ticks, lambda value: f"{value * 100:g}%")


def amount(values: Sequence[float], *, ticks: int = 3, unit: str = "") -> Scale:
    """Return a scale from zero to the next round number; `unit` "ms" is written as s from 1,000 on."""
    highest = max((value for value in values if math.isfinite(value)), default=0.0)
    top = round_up(highest)

    def label(value: float) -> str:
        if unit == "ms" and top >= 1000:
            return f"{value / 1000:g}s"
        if not unit and top >= 10_000:
            return f"{value / 1000:g}k"
        return f"{value:g}{unit}"

    return _scale(0.0, top, ticks, label)


def seconds(length: float, *, ticks: int = 3) -> Scale:
    """Return a scale of time that ends now, in seconds before it."""

    def label(value: float) -> str:
        ago = round(-value)
        if ago == 0:
            return "now"
        minutes, rest = divmod(ago, 60)
        hours, minutes = divmod(minutes, 60)
        parts = ((hours, "h"), (minutes, "m"), (rest, "s"))
        return "-" + "".join(f"{count}{sign}" for count, sign in parts if count)

    return _scale(-max(10.0, length), 0.0, ticks, label)


def round_up(value: float) -> float:
    """Return the smallest round number that is at least `value`; 1 for nothing."""
    if not math.isfinite(value) or value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in _STEPS if step * power >= value * (1 - 1e-9)), 10 * power)


def _scale(low: float, high: float, ticks: int, label: Callable[[float], str]) -> Scale:
    places = tuple(low + (high - low) * i / (ticks - 1) for i in range(ticks)) if ticks > 1 else (high,)
    return Scale(low, high, places, tuple(label(round(place, 9)) for place in places))
