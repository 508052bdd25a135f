"""Power of two choices on peak EWMA: equal replicas share alike, a slow one is shed, a new one is tried, with care."""

from random import Random

import pytest

from agents.sidecar.engine.balance import choose, cost, observe
from agents.sidecar.state.endpoints import Endpoint
from agents.sidecar.state.peers import Peer


def endpoint(port: int, weight: int = 1) -> Endpoint:
    return Endpoint("10.0.0.1", port, peer=Peer(), weight=weight)


def serve(latencies: list[float], *, requests: int = 6000, rate: float = 200.0, seed: int = 1) -> list[int]:
    """Send requests one after another to endpoints of given mean latencies (s); return each one's share."""
    random = Random(seed)
    endpoints = [endpoint(8000 + i) for i in range(len(latencies))]
    counts = [0] * len(latencies)
    now = 1000.0
    for _ in range(requests):
        chosen = choose(endpoints, now, random.random)
        i = endpoints.index(chosen)
        counts[i] += 1
        observe(chosen, latencies[i] * random.uniform(0.7, 1.5), now)
        now += 1 / rate
    return counts


@pytest.mark.parametrize("replicas", [2, 3, 5])
@pytest.mark.parametrize("rate", [2.0, 200.0, 5000.0])
def test_equal_replicas_share_alike(replicas: int, rate: float) -> None:
    counts = serve([0.001] * replicas, rate=rate)
    fair = sum(counts) / replicas
    assert all(0.85 * fair <= count <= 1.15 * fair for count in counts), counts


@pytest.mark.parametrize("replicas", [2, 3, 5])
def test_a_slow_replica_gets_less_than_half_its_share(replicas: int) -> None:
    counts = serve([0.001] * (replicas - 1) + [0.010])
    assert counts[-1] < 0.5 * sum(counts) / replicas, counts


def test_a_new_endpoint_is_tried_at_once_by_one_request() -> None:
    known, new = endpoint(1), endpoint(2)
    observe(known, 0.001, 10.0)
    assert {choose([known, new], 10.0, Random(seed).random) for seed in range(20)} == {new}
    new.inflight = 1
    assert {choose([known, new], 10.0, Random(seed).random) for seed in range(20)} == {known}


def test_a_peak_counts_at_once_and_is_forgotten_slowly() -> None:
    one = endpoint(1)
    observe(one, 0.001, 10.0)
    calm = cost(one, 10.0)
    observe(one, 0.100, 11.0)
    assert cost(one, 11.0) == pytest.approx(100 * calm)
    assert calm < cost(one, 31.0) < 20 * calm


def test_weight_and_load_count() -> None:
    light, heavy = endpoint(1), endpoint(2, weight=3)
    for each in (light, heavy):
        observe(each, 0.001, 10.0)
    assert cost(heavy, 10.0) == pytest.approx(cost(light, 10.0) / 3)
    light.inflight = 4
    assert cost(light, 10.0) == pytest.approx(5 * 3 * cost(heavy, 10.0))
