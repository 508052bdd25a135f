"""Shows what happens to those who asked to see it. While nobody does, this costs one look at a tuple."""

from agents.sidecar.engine.exchange import Exchange
from agents.sidecar.state.taps import Taps


class Tap:
    """Hands exchanges to Taps while a tap is on."""

    __slots__ = ("_taps",)

    def __init__(self, taps: Taps) -> None:
        self._taps = taps

    def on_head(self, x: Exchange) -> None:
        if self._taps.active:
            self._taps.head(x)

    def on_reply(self, x: Exchange) -> None:
        if x.error and x.tap is None and self._taps.active:
            self._taps.head(x)  # refused by a stage before this one, or before there was a head to look at
        if x.tap is not None:
            self._taps.reply(x)

    def on_end(self, x: Exchange) -> None:
        if x.tap is not None:
            self._taps.end(x)
