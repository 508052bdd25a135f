"""Turns requests away while there are too many in flight, or too many bytes wait for slow readers.

Each request is counted as in flight here, and Measure takes it off again. Nothing before this stage may refuse or hold
one, and it stands before anything that takes a place elsewhere. Other sidecars and clients are told Unavailable: what
this process cannot take on, another replica can.
"""

from agents.sidecar.engine.exchange import Exchange
from agents.sidecar.engine.stack import Reply
from agents.sidecar.state.bounds import BYTES, CONNECTIONS, REQUESTS, Bounds
from agents.sidecar.state.counters import Counters


class Limit:
    """An addition and two comparisons per request."""

    __slots__ = ("_bounds", "_counters")

    def __init__(self, counters: Counters, bounds: Bounds) -> None:
        self._counters = counters
        self._bounds = bounds

    def on_head(self, x: Exchange) -> Reply | None:
        bounds = self._bounds
        counters = self._counters
        counters.inflight = inflight = counters.inflight + 1
        if inflight > bounds.requests:
            return refuse(bounds, x, REQUESTS)
        if bounds.waiting > bounds.waited:
            return refuse(bounds, x, BYTES)
        return None

    def shut(self) -> "Full":
        """Return what stands here for connections over the limit."""
        return Full(self._counters, self._bounds)


class Full:
    """Turns every request of a connection away, and the connection with it."""

    __slots__ = ("_bounds", "_counters")

    def __init__(self, counters: Counters, bounds: Bounds) -> None:
        self._counters = counters
        self._bounds = bounds

    def on_head(self, x: Exchange) -> Reply:
        self._counters.inflight += 1
        return refuse(self._bounds, x, CONNECTIONS)


def refuse(bounds: Bounds, x: Exchange, why: str) -> Reply:
    """Count a refusal on the edge that the request was for, and answer it."""
    bounds.refused[why] += 1
    if x.target is not None:
        x.service = x.target.service
        x.link = x.target.link
    return Reply(503, why, close=why == CONNECTIONS)
