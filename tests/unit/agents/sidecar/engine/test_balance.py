"""Balancing in virtual time: equal endpoints get equal shares, slow ones less, weights hold."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.sidecar.engine.balance import PENALTY_S, across, choose, cost, fail, observe, pick
from agents.sidecar.state.endpoints import FIRST_EWMA_S, Endpoint, EndpointSet
from agents.sidecar.state.peers import Peer
from agents.sidecar.state.zones import divide
from meshcore.wire import discovery_pb2


def make(count: int) -> list[Endpoint]:
    return [Endpoint("10.0.0.1", port, peer=Peer()) for port in range(1, count + 1)]


def target(*places: tuple[int, str], zone: str = "a") -> EndpointSet:
    """Return a service with endpoints of some weights in some zones, as discovery tells of them."""
    made = EndpointSet("web.default", zone=zone)
    update = discovery_pb2.EndpointsUpdate(snapshot=True, exists=True)
    for number, (weight, where) in enumerate(places):
        update.put.add(id=str(number), ip="10.0.0.1", port=number + 1, weight=weight, zone=where)
    made.apply(update)
    return made


def play(
    endpoints: Sequence[Endpoint],
    latencies: Sequence[float],
    requests: int,
    gap: float = 0.001,
    of: EndpointSet | None = None,
) -> list[int]:
    """Send requests at a steady pace; return how many each endpoint got. A latency below 0 is a failure."""
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
            if latencies[done[2]] < 0:
                fail(endpoint, done[0])
            else:
                observe(endpoint, done[0] - done[1], done[0])
        chosen = choose(endpoints, now, random.random) if of is None else pick(of, now, random.random)
        which = endpoints.index(chosen)
        chosen.inflight += 1
        shares[which] += 1
        running.append((now + abs(latencies[which]), now, which))
    return shares


def test_equal_endpoints_share_alike() -> None:
    shares = play(make(3), [0.005] * 3, 3000)
    assert all(850 <= share <= 1150 for share in shares)


def test_a_slow_one_gets_less_than_half_of_its_share() -> None:
    shares = play(make(3), [0.005, 0.005, 0.05], 3000)
    assert shares[2] < 500


weights = st.lists(st.integers(1, 10), min_size=2, max_size=6)


@settings(max_examples=25)
@given(weights, st.sampled_from([0.0005, 0.005, 0.02]), st.sampled_from([0.0005, 0.003]))
def test_equal_endpoints_share_by_weight(weights: list[int], latency: float, gap: float) -> None:
    of = target(*[(weight, "a") for weight in weights])
    shares = play(of.endpoints, [latency] * len(weights), 4000, gap, of)
    for weight, share in zip(weights, shares, strict=True):
        expected = 4000 * weight / sum(weights)
        assert abs(share - expected) <= 0.3 * expected + 60, (weights, shares)


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abc")), min_size=1, max_size=8), st.integers())
def test_no_weight_no_request_and_everybody_else_can_be_reached(places: list[tuple[int, str]], seed: int) -> None:
    of = target(*places)
    wanted = {str(number) for number, (weight, _) in enumerate(places) if weight}
    assert {endpoint.id for endpoint in of.endpoints} == wanted
    if wanted:
        random = Random(seed)
        for endpoint in of.endpoints[1:]:
            fail(endpoint, 0.0)  # the rest of them does well enough only if it can be found
        chosen = {pick(of, 0.0, random.random).id for _ in range(300)}
        assert chosen <= wanted
        for last in of.endpoints:
            for endpoint in of.endpoints:
                endpoint.ewma, endpoint.stamp = (0.001 if endpoint is last else 50.0), 1.0
            assert any(pick(of, 1.0, random.random) is last for _ in range(300))


def test_of_two_the_one_with_little_weight_is_no_worse() -> None:
    of = target((9, "a"), (1, "a"))
    assert [choose(of.endpoints, 0.0, lambda at=at: at, of.bounds).id for at in (0.0, 0.89, 0.91)] == ["0", "0", "1"]  # type: ignore[misc]


def test_one_that_fails_is_left_alone_whatever_its_weight() -> None:
    of = target((9, "a"), (1, "a"))
    shares = play(of.endpoints, [-0.005, 0.005], 2000, of=of)
    assert shares[0] < 100


@settings(max_examples=20)
@given(st.integers(1, 4), st.integers(1, 4), st.sampled_from([0.0005, 0.005, 0.02]))
def test_what_the_own_zone_can_bear_stays_in_it(near: int, far: int, latency: float) -> None:
    of = target(*[(1, "a")] * near, *[(1, "b")] * far)
    shares = play(of.endpoints, [latency] * (near + far), 3000, of=of)
    bearable = min(1.0, 1.2 * 2 * near / (near + far))
    assert -0.08 < sum(shares[:near]) / 3000 - bearable < 0.04, shares  # some spill over from one with 20 in flight
    for zone in (shares[:near], shares[near:]) if bearable < 1 else (shares[:near],):
        assert max(zone) - min(zone) <= 0.3 * max(zone) + 60  # and is spread within


@pytest.mark.parametrize(("latencies", "stays"), [([0.2, 0.005], 0.05), ([-0.001, 0.005], 0.05), ([0.02, 0.005], 1.0)])
def test_a_zone_that_fails_or_is_clearly_slower_is_left(latencies: list[float], stays: float) -> None:
    of = target((1, "a"), (1, "b"))
    shares = play(of.endpoints, latencies, 4000, 0.02, of)
    assert shares[0] / 4000 <= stays
    assert shares[0] > 3, "it must be tried now and then, or it would never be found well again"
    if stays == 1.0:
        assert shares[1] == 0


def test_a_zone_that_has_recovered_is_taken_again() -> None:
    of = target((1, "a"), (1, "b"))
    play(of.endpoints, [-0.001, 0.005], 1000, of=of)
    near, far = of.endpoints
    for second in range(60):  # a quiet client: one request a second, all is well again
        chosen = pick(of, 3.0 + second, Random(second).random)
        observe(chosen, 0.005, 3.0 + second)
    assert chosen is near
    assert not far.inflight < 0


def test_a_zone_whose_endpoint_hangs_is_left() -> None:
    of = target((1, "a"), (1, "b"))
    near, far = of.endpoints
    for endpoint in of.endpoints:
        observe(endpoint, 0.005, 1.0)
    near.inflight = 8
    assert pick(of, 1.0, lambda: 0.0) is near  # many at once are no sign of distress by themselves
    near.inflight = 200
    assert pick(of, 1.0, lambda: 0.0) is far


def test_an_unknown_zone_is_tried_only_when_the_own_one_is_in_need() -> None:
    zones = divide(target((1, "a"), (1, "b")).endpoints, "a")
    assert zones is not None
    near, far = zones.near.endpoints[0], zones.far.endpoints[0]
    observe(near, 0.010, 1.0)
    assert across(zones, 1.0, lambda: 0.0) is near
    near.ewma = PENALTY_S
    assert across(zones, 1.0, lambda: 0.0) is far


def test_one_is_always_taken() -> None:
    endpoints = make(1)
    assert choose(endpoints, 0.0, lambda: pytest.fail("no need for chance")) is endpoints[0]


def test_the_two_are_never_the_same() -> None:
    endpoints = make(2)
    endpoints[0].inflight = 5
    for first in (0.0, 0.6):
        assert choose(endpoints, 0.0, lambda first=first: first) is endpoints[1]  # type: ignore[misc]


def test_a_peak_counts_at_once_by_half_its_magnitude_and_is_forgotten_by_and_by() -> None:
    (endpoint,) = make(1)
    observe(endpoint, 0.010, 1.0)
    assert endpoint.ewma == 0.010
    observe(endpoint, 1.000, 2.0)
    assert endpoint.ewma == pytest.approx(0.100)
    observe(endpoint, 0.010, 2.001)
    assert 0.08 < endpoint.ewma < 0.1
    before = cost(endpoint, 3.0)
    assert cost(endpoint, 13.0) < before / 2
    for _ in range(6):
        observe(endpoint, 1.000, 2.1)
    assert endpoint.ewma > 0.9  # it means it


def test_one_held_up_answer_costs_some_answers_not_half_a_minute() -> None:
    (endpoint,) = make(1)
    observe(endpoint, 0.002, 1.0)
    observe(endpoint, 0.020, 1.0)
    for answer in range(10):
        observe(endpoint, 0.002, 1.01 + answer / 1000)
    assert endpoint.ewma < 0.002 / 0.75  # as good as its equals


@pytest.mark.parametrize("held_up", [0.03, 0.1, 0.3])
def test_one_held_up_answer_costs_a_quiet_client_s_endpoint_no_more_than_half_its_share(held_up: float) -> None:
    kept = 0.0
    for seed in range(50):
        random, endpoints = Random(seed), make(2)
        for endpoint in endpoints:
            observe(endpoint, 0.003, 1.0)
        observe(endpoints[0], held_up, 1.0)
        shares = [0, 0]
        for request in range(300):  # 20 a second, one after the other
            now = 1.0 + request / 20
            chosen = choose(endpoints, now, random.random)
            observe(chosen, 0.003 * random.lognormvariate(0.0, 0.3), now)
            shares[endpoints.index(chosen)] += 1
        kept += shares[0] / 150 / 50
    assert kept > 0.5


def test_one_that_is_slow_each_time_it_is_tried_is_not_forgiven() -> None:
    random, endpoints = Random(7), make(2)
    shares = [0, 0]
    for request in range(600):
        now = 1.0 + request / 20
        chosen = choose(endpoints, now, random.random)
        which = endpoints.index(chosen)
        observe(chosen, (0.15, 0.003)[which], now)
        shares[which] += 1
    assert 3 <= shares[0] < 30  # of 600; it is tried now and then


def test_the_first_answer_replaces_the_guess() -> None:
    (endpoint,) = make(1)
    assert endpoint.ewma == FIRST_EWMA_S
    observe(endpoint, 5.0, 1.0)
    assert endpoint.ewma == FIRST_EWMA_S  # a cold start says little
    observe(endpoint, 0.001, 1.1)
    assert endpoint.ewma < FIRST_EWMA_S
