"""Routes are named on both sides, with their time limits."""

import pytest

from agents.sidecar.engine.exchange import HTTP1, INBOUND, OUTBOUND, Exchange
from agents.sidecar.stages.route import Route
from agents.sidecar.state.peers import Peer
from agents.sidecar.state.rules import Rules
from meshcore.wire import policy_pb2
from tests.support.playbook import SERVICE, endpoints


@pytest.fixture
def rules() -> Rules:
    policy = policy_pb2.WorkloadPolicy()
    mine = policy.inbound.add(port=80).routes.add(name="in", request_timeout_ms=500)
    mine.matches.add(path_prefix="/a")
    theirs = policy.outbound.add(namespace=SERVICE.namespace, name=SERVICE.name, port=SERVICE.port)
    theirs.routes.add(name="out").matches.add(method="GET")
    made = Rules()
    made.apply(policy)
    return made


def exchange(direction: int, path: bytes) -> Exchange:
    x = Exchange(direction, HTTP1, Peer(), 100.0)
    x.method, x.path, x.port = b"GET", path, 80
    return x


def test_inbound_by_port(rules: Rules) -> None:
    x = exchange(INBOUND, b"/a/b")
    Route(rules).on_head(x)
    assert (x.route, x.deadline) == ("in", 100.5)
    x = exchange(INBOUND, b"/b")
    Route(rules).on_head(x)
    assert (x.route, x.deadline) == ("", 0.0)


def test_outbound_by_service(rules: Rules) -> None:
    x = exchange(OUTBOUND, b"/b")
    Route(rules).on_head(x)
    assert x.route == ""
    x.target = endpoints("10.0.0.1:80")
    Route(rules).on_head(x)
    assert (x.route, x.deadline) == ("out", 0.0)


def test_it_sleeps_while_there_is_no_route(rules: Rules) -> None:
    none = Rules()
    route, calls = Route(none), list[bool]()
    route.watch(lambda: calls.append(route.asleep))
    assert route.asleep
    none.apply(policy_pb2.WorkloadPolicy(inbound=[policy_pb2.PortPolicy(port=80)]))
    assert not calls
    policy = policy_pb2.WorkloadPolicy()
    policy.inbound.add(port=80).routes.add(name="in")
    none.apply(policy)
    none.apply(policy)
    none.apply(policy_pb2.WorkloadPolicy())
    assert calls == [False, True]
    assert not Route(rules).asleep
