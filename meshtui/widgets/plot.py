"""The golden signals of one resource over time: success, requests per second, latency.

Screens call `update(series)` with a series of the wire; the widget arranges its three charts side by side, or
one below the other, or shows as many as fit. It has no data of its own beyond the last series.
"""

import math
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.style import Style
from rich.text import Text

from meshcore.wire.stats_pb2 import Series
from meshtui.model import figures, scale
from meshtui.model.cell import Level
from meshtui.widgets import chart
from meshtui.widgets.ink import Ink

NARROWEST, LOWEST = 24, 6  # of one chart with its heading
GAP = 2  # cells between charts side by side


class _Signal(NamedTuple):
    title: str
    legend: list[tuple[str, str, Style]]  # name, current value, style
    curves: list[chart.Curve]
    y: scale.Scale


class Plot(Ink):
    """Charts of success rate, requests per second and latency quantiles.

    `update(series, title)` shows a series (None: nothing selected); `ascii` draws without Unicode.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"plot--rate", "plot--p50", "plot--p95", "plot--p99"}
    DEFAULT_CSS = """
    Plot {
        height: 1fr;
        & > .plot--rate { color: $plot-1; }
        & > .plot--p50 { color: $foreground; }
        & > .plot--p95 { color: $plot-1; }
        & > .plot--p99 { color: $plot-2; }
    }
    """

    def __init__(self, *, ascii: bool = False, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.ascii = ascii
        self._series: Series | None = None
        self._title = ""

    def update(self, series: Series | None, title: str = "") -> None:
        """Show a series; the oldest and the newest step span the time axis."""
        self._series = series
        self._title = title
        self.refresh()

    def render(self) -> Text:
        """Return the charts that fit, each under a heading with its current value."""
        width, height = self.size
        series = self._series
        if series is None or not len(series.rps) or width < NARROWEST or height < 2:
            return Text(self._title or "no data yet", style=self.style(Level.DIM))
        across = 3 if width >= 3 * NARROWEST + 2 * GAP else 1
        down = min(3, max(1, height // LOWEST)) if across == 1 else 1
        shown = self._signals(series)[: across * down]
        span = scale.seconds(len(series.rps) * series.step_ms / 1000)
        if across == 1:
            blocks = [self._chart(each, span, width, h) for each, h in zip(shown, _shares(height, down), strict=True)]
            return Text("\n").join(line for block in blocks for line in block)
        widths = _shares(width - GAP * (across - 1), across)
        columns = [self._chart(each, span, w, height) for each, w in zip(shown, widths, strict=True)]
        return Text("\n").join(Text(" " * GAP).join(parts) for parts in zip(*columns, strict=True))

    def _signals(self, series: Series) -> list[_Signal]:
        newest = _newest(series.success)
        level = figures.judge(newest)
        sign = {Level.BAD: "× ", Level.WARN: "‼ "}.get(level, "")
        sign = sign.translate({ord("×"): "x", ord("‼"): "!"}) if self.ascii else sign
        rate, parts = self._of("rate"), ("p50", "p95", "p99")
        quantiles = {part: list(getattr(series, f"{part}_ms")) for part in parts}
        return [
            _Signal(
                "success",
                [("", sign + figures.percent(newest), self.style(level))],
                [chart.Curve(series.success, self.style(level), fold=min)],
                scale.success(series.success),
            ),
            _Signal(
                "rps",
                [("", figures.rate(_newest(series.rps)), rate)],
                [chart.Curve([0.0 if math.isnan(value) else value for value in series.rps], rate)],
                scale.amount(series.rps),
            ),
            _Signal(
                "latency",
                [(part, figures.latency(_newest(quantiles[part])), self._of(part)) for part in parts],
                [chart.Curve(quantiles[part], self._of(part), part, max) for part in reversed(parts)],
                scale.amount([value for values in quantiles.values() for value in values], unit="ms"),
            ),
        ]

    def _chart(self, signal: _Signal, span: scale.Scale, width: int, height: int) -> list[Text]:
        heading = self._heading(signal, width)
        axis = self.style(Level.DIM)
        return [heading, *chart.draw(width, height - 1, signal.curves, signal.y, span, axis=axis, ascii=self.ascii)]

    def _heading(self, signal: _Signal, width: int) -> Text:
        """Return title and current values; what does not fit is left out, values last."""
        heading, count = Text(""), len(signal.legend)
        share = all(
            value.endswith("ms") for _, value, _ in signal.legend
        )  # one unit, written once, where room is short
        for title, gap, short in ((True, "  ", False), (False, "  ", False), (False, " ", True)):
            heading = Text(signal.title if title else "", style=self.part("title"), end="")
            for i, (name, value, style) in enumerate(signal.legend):
                said = value.removesuffix("ms") if short and share and i + 1 < count else value
                called = name.removeprefix("p") if short and i else name
                heading.append(gap if heading.plain else "").append(f"{called} {said}".strip(), style)
            if heading.cell_len <= width:
                break
        heading.truncate(width, pad=True)
        return heading

    def _of(self, part: str) -> Style:
        return self.get_component_rich_style(f"plot--{part}")


def _newest(values: Sequence[float]) -> float:
    """Return the newest known value: the last step may not have had a request yet."""
    return next((value for value in reversed(values) if math.isfinite(value)), math.nan)


def _shares(whole: int, parts: int) -> list[int]:
    """Return `whole` divided into equal shares, the first ones larger by what is left."""
    return [whole // parts + (i < whole % parts) for i in range(parts)]
