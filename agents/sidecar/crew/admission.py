"""A tap's rate is the whole sidecar's: of what workers saw, the lead lets through what the order's tokens suffice for.

Every worker keeps to the rate by itself, so that no more than that comes here; the lead's own requests take from the
same tokens. A request that is let in is shown whole: its later events follow its first. One per worker process. Pure.
"""

from agents.sidecar.state.taps import Taps
from meshcore.wire import tap_pb2

MAX_OPEN = 10_000  # requests that have begun and not ended


class Admission:
    """The tap events of one worker process."""

    def __init__(self, taps: Taps, max_open: int = MAX_OPEN) -> None:
        self._taps = taps
        self._max_open = max_open
        self._open: dict[str, list[int]] = {}  # orders that a request is shown to

    def take(self, report: tap_pb2.TapReport) -> None:
        """Pass on what a worker saw."""
        self._taps.dropped += report.dropped
        for event in report.events:
            kind = event.WhichOneof("event")
            if kind == "request_init":
                orders = [order for order in event.orders if self._taps.admit(order)]
                if orders:
                    while len(self._open) >= self._max_open:
                        del self._open[next(iter(self._open))]  # the oldest
                    self._open[event.request_id] = orders
            elif kind == "response_end":
                orders = self._open.pop(event.request_id, [])
            else:
                orders = self._open.get(event.request_id, [])
            if orders:
                event.orders[:] = orders
                self._taps.add(event)
