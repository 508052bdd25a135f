"""Which endpoint: the better of two at random, by peak EWMA of latency times requests in flight.

stages/balance asks for requests, the hosts for opaque connections and for another try. Pure arithmetic over
state/endpoints and state/zones; time and chance are handed in.

Weights decide how often an endpoint is drawn, and how many requests in flight are many for it, but not which of the two
is better: an endpoint of little weight is no worse, it only gets less. The own zone's endpoints are taken unless
state/zones has them share, or one of another zone would be clearly quicker.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from math import exp, sqrt

from agents.sidecar.state.endpoints import FIRST_EWMA_S, Endpoint, EndpointSet
from agents.sidecar.state.zones import Zones

DECAY_S = 10.0
KEPT = 0.8  # of the average, at most, when an answer was quicker
FORGET_S = 3.0  # a quiet endpoint's: one slow answer, such as the first, must not cost it its share for long
NEAR = 0.75  # a cost at least this much of another's is about the same
PENALTY_S = 1.0  # what a failed attempt counts as
SLOWER = 3.0  # so much slower than one of another zone, an endpoint of the own zone is passed over
CROWDED = 10.0  # or so much slower by what it has in flight, as if it were to answer one after the other


def pick(target: EndpointSet, now: float, random: Callable[[], float]) -> Endpoint:
    """Return one of a target's endpoints, of which there must be at least one."""
    zones = target.zones
    if zones is None:
        return choose(target.endpoints, now, random, target.bounds)
    return across(zones, now, random)


def choose(
    endpoints: Sequence[Endpoint], now: float, random: Callable[[], float], bounds: Sequence[int] = ()
) -> Endpoint:
    """Return one of the endpoints, of which there must be at least one; `bounds` are the sums of their weights."""
    count = len(endpoints)
    if count == 1:
        return endpoints[0]
    first = bisect_right(bounds, random() * bounds[-1]) if bounds else int(random() * count)
    second = int(random() * (count - 1))
    if second >= first:
        second += 1
    one, other = endpoints[first], endpoints[second]
    # Chance decides between endpoints that are about as good, or the luckier of two equal replicas would get it all.
    if cost(other, now) >= NEAR * cost(one, now):
        return one
    # Where weights differ, one request in flight is much for one of them: it must be better with this one, too.
    return one if bounds and crowding(other, now) >= NEAR * crowding(one, now) else other


def across(zones: Zones, now: float, random: Callable[[], float]) -> Endpoint:
    """Return an endpoint of the own zone, or of another one if that is better."""
    near, far, share = zones
    if share < 1.0 and random() >= share:
        return choose(far.endpoints, now, random, far.bounds)
    one = choose(near.endpoints, now, random, near.bounds)
    count = len(far.endpoints)
    other = far.endpoints[int(random() * count)]
    return other if strained(one, other, now) else one


def strained(one: Endpoint, other: Endpoint, now: float) -> bool:
    """Tell whether `one` is so slow or crowded that `other` is worth the way to another zone.

    An endpoint that is hardly asked is not forgotten as in `cost`, or it would be tried again every few seconds, but
    taken by and by for what an unknown one is taken for.
    """
    usual = FIRST_EWMA_S
    if other.stamp:
        usual += (other.ewma - FIRST_EWMA_S) * exp(-max(now - other.stamp, 0.0) / DECAY_S)
    own = latency(one, now)
    if own > SLOWER * usual:
        return True
    return own * (one.inflight / one.share + 1) > CROWDED * usual * (other.inflight / other.share + 1)


def cost(endpoint: Endpoint, now: float) -> float:
    """Return what a request there is taken to cost."""
    if not endpoint.stamp:
        # Nobody knows it yet: one request finds out, the others wait for what it says.
        return FIRST_EWMA_S * endpoint.inflight / endpoint.share
    idle = now - endpoint.stamp  # as in `latency`: this is asked twice per request
    ewma = endpoint.ewma * exp(-idle / FORGET_S) if idle > 0 else endpoint.ewma
    return ewma * (endpoint.inflight / endpoint.share + 1)


def crowding(endpoint: Endpoint, now: float) -> float:
    """Return the same with one request more in flight: what is to get little is costly then even when idle."""
    return latency(endpoint, now) * (endpoint.inflight + 1) / endpoint.share


def latency(endpoint: Endpoint, now: float) -> float:
    """Return how long an endpoint is taken to need: a quiet one's past is slowly forgotten."""
    idle = now - endpoint.stamp
    return endpoint.ewma * exp(-idle / FORGET_S) if endpoint.stamp and idle > 0 else endpoint.ewma


def observe(endpoint: Endpoint, took: float, now: float) -> None:
    """Take in a latency: a higher one counts at once, a lower one by and by (peak EWMA).

    At once, but by half its order of magnitude, and for some answers rather than some seconds: one answer that a busy
    machine has held up must not cost an endpoint its share; one that is slow says so with each answer.
    """
    if not endpoint.stamp:
        endpoint.ewma = min(took, FIRST_EWMA_S)
    elif took >= endpoint.ewma:
        endpoint.ewma = sqrt(endpoint.ewma * took)
    else:
        # What was forgotten while nobody asked stays forgotten if the answer bears it out: else each answer would bring
        # it all back, and at a few requests a second it would take half a minute of them.
        quiet = endpoint.stamp - now
        believed = max(endpoint.ewma * exp(min(quiet, 0.0) / FORGET_S), took)
        kept = min(exp(quiet / DECAY_S), KEPT)
        endpoint.ewma = believed * kept + took * (1 - kept)
    endpoint.stamp = now


def fail(endpoint: Endpoint, now: float) -> None:
    """An attempt came to nothing: for a while it is taken for slow, known or not."""
    endpoint.ewma = max(endpoint.ewma, PENALTY_S)
    endpoint.stamp = now
