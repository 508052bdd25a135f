"""Shows what happens to those who asked to see it. While nobody does, it sleeps and costs nothing."""

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
        return not self._taps.active

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` when it falls asleep or wakes up."""
        self._taps.watchers.append(changed)

    def on_head(self, x: Exchange) -> None:
        taps = self._taps
        if x.started < taps.closed and not x.held:  # what is held was not looked at when it began
            taps.dropped += len(taps.active)  # mostly so: a call to be told is what a tap at its rate would cost most
        else:
            taps.head(x)

    def on_refused(self, x: Exchange) -> None:
        if x.tap is None:  # by a stage before this one, or before there was a head to look at
            self._taps.head(x)
