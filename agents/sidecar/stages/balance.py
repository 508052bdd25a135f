"""Chooses the endpoint of what goes out, and learns from how long it took.

A target that discovery has not answered for yet, or that has no endpoint at the moment, holds the request; the host
bounds how long. A name that discovery does not know goes to the address itself, where the client named one.
"""

from collections.abc import Callable

from agents.sidecar.engine.balance import across, choose, fail, observe
from agents.sidecar.engine.exchange import Exchange
from agents.sidecar.engine.stack import HOLD, Reply, Verdict
from agents.sidecar.state.endpoints import Endpoint


class Balance:
    """Power of two choices on peak EWMA, the own zone first."""

    __slots__ = ("_random",)

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random

    def on_head(self, x: Exchange) -> Verdict:
        target = x.target
        if target is None:
            return Reply(400, "bad-authority")
        target.used = x.started
        x.service = target.service
        x.link = target.link
        endpoints = target.endpoints
        endpoint: Endpoint
        if endpoints:
            if len(endpoints) == 1:
                endpoint = endpoints[0]
            elif target.zones is None:
                endpoint = choose(endpoints, x.started, self._random, target.bounds)
            else:
                endpoint = across(target.zones, x.started, self._random)
        elif target.exists is False:
            if target.fallback is None:
                return Reply(502, "unknown-service")
            endpoint = target.fallback
        else:
            target.wait(x.wake)
            return HOLD
        endpoint.inflight += 1
        x.endpoint = endpoint
        x.server = endpoint.peer
        x.link = endpoint.link
        return None

    def on_end(self, x: Exchange) -> None:
        endpoint = x.endpoint
        if endpoint is None:
            if x.target is not None:
                x.target.forget(x.wake)  # it may have been held until it was given up
            return
        endpoint.inflight -= 1
        if x.status == 101 or x.error == "client-closed":
            return  # says nothing about the server
        if x.error and x.error != "timeout":
            fail(endpoint, x.ended)
        else:
            observe(endpoint, (x.replied or x.ended) - x.started, x.ended)
