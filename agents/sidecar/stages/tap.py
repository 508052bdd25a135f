"""Shows what happens to those who asked to see it.

It sleeps and costs nothing while nobody does, and between one request and the next that a tap at its rate may show.
"""

from collections.abc import Callable

from agents.sidecar.engine.exchange import Exchange
from agents.sidecar.state.taps import Taps


class Tap:
    """Hands exchanges to Taps while a tap is on."""

    __slots__ = ("_taps",)

    def __init__(self, taps: Taps) -> None:
        self._taps = taps

    @property
    def asleep(self) -> bool:
        return self._taps.asleep

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` when it falls asleep or wakes up."""
        self._taps.watchers.append(changed)

    def on_head(self, x: Exchange) -> None:
        taps = self._taps
        if x.started >= taps.closed or x.held:  # what is held was not looked at when it began
            taps.head(x)

    def on_refused(self, x: Exchange) -> None:
        if x.tap is None:  # by a stage before this one, or before there was a head to look at
            self._taps.head(x)
