"""Which endpoint: the better of two at random, by peak EWMA of latency times requests in flight, over weight.

stages/balance asks for requests, the hosts for opaque connections and for another try. Pure arithmetic over
state/endpoints; time and chance are handed in.
"""

from collections.abc import Callable, Sequence
from math import exp

from agents.sidecar.state.endpoints import FIRST_EWMA_S, Endpoint

DECAY_S = 10.0
FORGET_S = 3.0  # a quiet endpoint's: one slow answer, such as the first, must not cost it its share for long
NEAR = 0.75  # a cost at least this much of another's is about the same
PENALTY_S = 1.0  # what a failed attempt counts as


def choose(endpoints: Sequence[Endpoint], now: float, random: Callable[[], float]) -> Endpoint:
    """Return one of the endpoints, of which there must be at least one."""
    count = len(endpoints)
    if count == 1:
        return endpoints[0]
    first = int(random() * count)
    second = int(random() * (count - 1))
    if second >= first:
        second += 1
    one, other = endpoints[first], endpoints[second]
    # Chance decides between endpoints that are about as good, or the luckier of two equal replicas would get it all.
    return other if cost(other, now) < NEAR * cost(one, now) else one


def cost(endpoint: Endpoint, now: float) -> float:
    """Return what one more request there is taken to cost: a quiet endpoint's past is slowly forgotten."""
    if not endpoint.stamp:
        # Nobody knows it yet: one request finds out, the others wait for what it says.
        return FIRST_EWMA_S * endpoint.inflight / endpoint.weight
    idle = now - endpoint.stamp
    ewma = endpoint.ewma * exp(-idle / FORGET_S) if idle > 0 else endpoint.ewma
    return ewma * (endpoint.inflight + 1) / endpoint.weight


def observe(endpoint: Endpoint, latency: float, now: float) -> None:
    """Take in a latency: a higher one counts at once, a lower one by and by (peak EWMA)."""
    if not endpoint.stamp:
        endpoint.ewma = min(latency, FIRST_EWMA_S)
    elif latency >= endpoint.ewma:
        endpoint.ewma = latency
    else:
        kept = exp(-max(now - endpoint.stamp, 0.0) / DECAY_S)
        endpoint.ewma = endpoint.ewma * kept + latency * (1 - kept)
    endpoint.stamp = now


def fail(endpoint: Endpoint, now: float) -> None:
    """An attempt came to nothing: for a while it is taken for slow, known or not."""
    endpoint.ewma = max(endpoint.ewma, PENALTY_S)
    endpoint.stamp = now
