"""Balancing in virtual time: equal endpoints get equal shares, slow ones less, weights hold."""

from random import Random

import pytest

from agents.sidecar.engine.balance import choose, cost, observe
from agents.sidecar.state.endpoints import FIRST_EWMA_S, Endpoint
from agents.sidecar.state.peers import Peer


def make(count: int) -> list[Endpoint]:
    return [Endpoint("10.0.0.1", port, peer=Peer()) for port in range(1, count + 1)]


def play(endpoints: list[Endpoint], latencies: list[float], requests: int, gap: float = 0.001) -> list[int]:
    """Send requests at a steady pace; return how many each endpoint got."""
    random = Random(7)
    shares = [0] * len(endpoints)
    running: list[tuple[float, float, int]] = []
    now = 1.0
    for _ in range(requests):
        now += gap
        for done in [entry for entry in running if entry[0] <= now]:
            running.remove(done)
            endpoint = endpoints[done[2]]
            endpoint.inflight -= 1
            observe(endpoint, done[0] - done[1], done[0])
        chosen = choose(endpoints, now, random.random)
        which = endpoints.index(chosen)
        chosen.inflight += 1
        shares[which] += 1
        running.append((now + latencies[which], now, which))
    return shares


def test_equal_endpoints_share_alike() -> None:
    shares = play(make(3), [0.005] * 3, 3000)
    assert all(850 <= share <= 1150 for share in shares)


def test_a_slow_one_gets_less_than_half_of_its_share() -> None:
    shares = play(make(3), [0.005, 0.005, 0.05], 3000)
    assert shares[2] < 500


def test_weights() -> None:
    endpoints = make(2)
    endpoints[0].weight = 3
    shares = play(endpoints, [0.005, 0.005], 3000)
    assert shares[0] > shares[1] * 1.5


def test_one_is_always_taken() -> None:
    endpoints = make(1)
    assert choose(endpoints, 0.0, lambda: pytest.fail("no need for chance")) is endpoints[0]


def test_the_two_are_never_the_same() -> None:
    endpoints = make(2)
    endpoints[0].inflight = 5
    for first in (0.0, 0.6):
        assert choose(endpoints, 0.0, lambda first=first: first) is endpoints[1]  # type: ignore[misc]


def test_peaks_count_at_once_and_are_forgotten_slowly() -> None:
    (endpoint,) = make(1)
    observe(endpoint, 0.010, 1.0)
    assert endpoint.ewma == 0.010
    observe(endpoint, 0.200, 2.0)
    assert endpoint.ewma == 0.200
    observe(endpoint, 0.010, 3.0)
    assert 0.15 < endpoint.ewma < 0.2
    before = cost(endpoint, 3.0)
    assert cost(endpoint, 13.0) < before / 2


def test_the_first_answer_replaces_the_guess() -> None:
    (endpoint,) = make(1)
    assert endpoint.ewma == FIRST_EWMA_S
    observe(endpoint, 5.0, 1.0)
    assert endpoint.ewma == FIRST_EWMA_S  # a cold start says little
    observe(endpoint, 0.001, 1.1)
    assert endpoint.ewma < FIRST_EWMA_S
