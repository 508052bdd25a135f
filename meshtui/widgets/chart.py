"""One chart as text, drawn by plotext: curves on a canvas between two axes.

The golden-signal widget calls it; nobody else may touch plotext, whose figure is one global object and whose
kernel is C++ that ends the process on a NaN. So only finite points inside the limits ever reach it, a gap
starts a new line, and every drawing starts from a cleared figure, on the thread of the user interface.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from rich.style import Style
from rich.text import Text

from meshtui.model import trend
from meshtui.model.scale import Scale

SMALLEST = (16, 4)  # below this there is no room for axes
_FIRST = 200  # palette numbers that stand for the curves until their styles are known
_ASCII = str.maketrans({"┤": "|", "│": "|", "└": "+", "┬": "+", "─": "-", "┼": "+", "├": "|"})
_ASCII_MARKS = "*+o"


class Curve(NamedTuple):
    """One line of a chart: a value per step (NaN: none), how it looks, the name at its end.

    `fold` makes one value of several where there are more steps than room: the worst of them, or the mean.
    """

    values: Sequence[float]
    style: Style
    name: str = ""
    fold: trend.Fold = trend.mean


def draw(
    width: int, height: int, curves: Sequence[Curve], y: Scale, x: Scale, *, axis: Style, ascii: bool = False
) -> list[Text]:
    """Return `height` lines of exactly `width` cells; blank lines where the room is too small for a chart."""
    if width < SMALLEST[0] or height < SMALLEST[1]:
        return [Text(" " * width, end="") for _ in range(height)]
    named = max((len(curve.name) for curve in curves), default=0) if width >= 40 else 0
    margin = named + 1 if named else 0
    figure = _figure()
    figure.clear()
    figure.plot_size(width - margin, height)
    figure.theme("colorless")
    for name, side in (("x", "upper"), ("y", "right")):
        figure.axes(False, axis=name, side=side)
    for number, curve in enumerate(curves):
        _trace(figure, number, trend.squeeze(curve.values, width, curve.fold), x, y, ascii=ascii)
    figure.ruler("x", "lower").lim(x.low, x.high).ticks(list(x.ticks), labels=list(x.labels))
    figure.ruler("y", "left").lim(y.low, y.high).ticks(list(y.ticks), labels=list(y.labels))
    drawn = str(figure.build().string())
    lines = list(Text.from_ansi(drawn.translate(_ASCII) if ascii else drawn).split("\n"))
    lines = [_paint(line, curves, axis) for line in lines[:height]]
    for line in lines:
        line.truncate(width - margin, pad=True)
    if margin:
        _names(lines, height - 2, curves, y, margin)
    return lines


def _trace(figure: Any, number: int, values: Sequence[float], x: Scale, y: Scale, *, ascii: bool) -> None:
    """Draw one curve as a line per run of known values."""
    import plotext

    pixel = plotext.pixel(foreground=_FIRST + number)
    mark = _ASCII_MARKS[number % len(_ASCII_MARKS)] if ascii else "braille"
    step = (x.high - x.low) / max(1, len(values) - 1)
    run: list[tuple[float, float]] = []
    for i, value in enumerate([*values, math.nan]):
        if math.isfinite(value):
            run.append((x.clamp(x.high - (len(values) - 1 - i) * step), y.clamp(value)))
        elif run:
            signal = figure.signal(
                [at for at, _ in run], [to for _, to in run], marker=plotext.marker(mark, pixel=pixel)
            )
            figure.draw(signal.lines(True))
            run = []


def _paint(line: Text, curves: Sequence[Curve], axis: Style) -> Text:
    """Return a line of plotext with the palette numbers replaced by the curves' styles."""
    painted = Text(line.plain, style=axis, end="")
    for span in line.spans:
        colour = span.style.color if isinstance(span.style, Style) else None
        number = (colour.number or 0) - _FIRST if colour else -1
        if 0 <= number < len(curves):
            painted.stylize(curves[number].style, span.start, span.end)
    return painted


def _names(lines: list[Text], rows: int, curves: Sequence[Curve], y: Scale, margin: int) -> None:
    """Write each curve's name at the height of its newest value, moved apart where they would meet."""
    wanted: dict[int, Curve] = {}
    for curve in sorted(curves, key=_newest):
        value = _newest(curve)
        if curve.name and math.isfinite(value):
            row = round((y.high - y.clamp(value)) / (y.high - y.low) * (rows - 1))
            while row in wanted and row > 0:
                row -= 1
            wanted.setdefault(row, curve)
    for row, line in enumerate(lines):
        curve_here = wanted.get(row)
        if curve_here:
            line.append(f" {curve_here.name}".ljust(margin)[:margin], curve_here.style)
        else:
            line.append(" " * margin)


def _newest(curve: Curve) -> float:
    return next((value for value in reversed(curve.values) if math.isfinite(value)), -math.inf)


@cache
def _figure() -> Any:
    """Return plotext's figure, freed of the size of whatever terminal it finds; imported late as it costs 0.15 s."""
    import plotext

    plotext.terminal.limit(False, False)
    return plotext.figure
