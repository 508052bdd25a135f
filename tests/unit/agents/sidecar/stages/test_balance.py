"""Choosing and learning: who is taken, who is held, what a failure costs."""

from agents.sidecar.engine.balance import PENALTY_S
from agents.sidecar.engine.exchange import HTTP1, OUTBOUND, Exchange
from agents.sidecar.engine.stack import HOLD, Reply
from agents.sidecar.stages.balance import Balance
from agents.sidecar.state.endpoints import EndpointSet
from agents.sidecar.state.peers import Peer
from tests.support.playbook import SERVICE, endpoints


def exchange(target: EndpointSet | None) -> Exchange:
    x = Exchange(OUTBOUND, HTTP1, Peer(), 100.0)
    x.target = target
    return x


BALANCE = Balance(lambda: 0.0)


def test_taken_and_given_back() -> None:
    target = endpoints("10.0.0.1:80")
    x = exchange(target)
    assert BALANCE.on_head(x) is None
    (endpoint,) = target.endpoints
    assert (x.endpoint, x.server, x.link, x.service) == (endpoint, endpoint.peer, endpoint.link, SERVICE)
    assert (endpoint.inflight, target.used) == (1, 100.0)
    x.replied, x.ended = 100.002, 109.0
    BALANCE.on_end(x)
    assert endpoint.inflight == 0
    assert abs(endpoint.ewma - 0.002) < 1e-9  # until the head came: a long body is no slow server


def test_failures_cost() -> None:
    target = endpoints("10.0.0.1:80")
    (endpoint,) = target.endpoints
    endpoint.stamp = 99.0
    x = exchange(target)
    BALANCE.on_head(x)
    x.error, x.ended = "connect-refused", 100.001
    BALANCE.on_end(x)
    assert endpoint.ewma == PENALTY_S


def test_clients_that_leave_say_nothing_about_the_server() -> None:
    target = endpoints("10.0.0.1:80")
    (endpoint,) = target.endpoints
    before = endpoint.ewma
    x = exchange(target)
    BALANCE.on_head(x)
    x.error, x.ended = "client-closed", 130.0
    BALANCE.on_end(x)
    assert (endpoint.ewma, endpoint.inflight) == (before, 0)


def test_unknown_is_held_absent_is_refused() -> None:
    target = EndpointSet("x")
    assert BALANCE.on_head(exchange(target)) is HOLD
    target.exists = True
    assert BALANCE.on_head(exchange(target)) is HOLD  # it may come back in a moment
    target.exists = False
    reply = BALANCE.on_head(exchange(target))
    assert isinstance(reply, Reply)
    assert (reply.status, reply.error) == (502, "unknown-service")
    nowhere = BALANCE.on_head(exchange(None))
    assert isinstance(nowhere, Reply)
    assert nowhere.status == 400


def test_an_end_without_an_endpoint() -> None:
    BALANCE.on_end(exchange(EndpointSet("x")))
