"""The limit stage: what is within passes, what is beyond is told so and counted."""

import pytest

from agents.sidecar.engine.exchange import HTTP1, INBOUND, Exchange
from agents.sidecar.engine.stack import Reply
from agents.sidecar.stages.limit import Limit
from agents.sidecar.state.bounds import BYTES, CONNECTIONS, REQUESTS, Bounds
from agents.sidecar.state.counters import Counters
from agents.sidecar.state.peers import Peer
from tests.support.playbook import SERVICE, endpoints


def request() -> Exchange:
    return Exchange(INBOUND, HTTP1, Peer(), 0.0)


@pytest.mark.parametrize(
    ("inflight", "waiting", "why"),
    [(1, 10, ""), (2, 10, REQUESTS), (1, 11, BYTES), (2, 11, REQUESTS)],
)
def test_the_limit_itself_is_within(inflight: int, waiting: int, why: str) -> None:
    counters, bounds = Counters(), Bounds(requests=2, waited=10)
    counters.inflight, bounds.waiting = inflight, waiting
    verdict = Limit(counters, bounds).on_head(request())
    assert (verdict.error if verdict is not None else "") == why
    assert {reason: count for reason, count in bounds.refused.items() if count} == ({why: 1} if why else {})
    assert counters.inflight == inflight + 1  # one that was turned away, too, is in flight until it ends


def test_a_refusal_is_counted_under_the_service_that_was_meant() -> None:
    counters, bounds = Counters(), Bounds(requests=0)
    x = request()
    x.target = endpoints("10.0.0.1:80")
    assert Limit(counters, bounds).on_head(x) is not None
    assert (x.service, x.link, x.endpoint) == (SERVICE, x.target.link, None)


def test_what_stands_for_it_on_connections_over_the_limit_lets_nothing_through() -> None:
    counters, bounds = Counters(), Bounds()
    verdict = Limit(counters, bounds).shut().on_head(request())
    assert isinstance(verdict, Reply)
    assert (verdict.status, verdict.error, verdict.close) == (503, CONNECTIONS, True)
    assert (bounds.refused[CONNECTIONS], counters.inflight) == (1, 1)
