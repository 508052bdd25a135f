"""Rules: routes by port and service; what does not compile is told and left out."""

import pytest

from agents.sidecar.state.peers import ServiceKey
from agents.sidecar.state.routes import Routes
from agents.sidecar.state.rules import Rules
from meshcore.wire import policy_pb2


def route(name: str, *matches: dict[str, str], timeout_ms: int = 0) -> policy_pb2.Route:
    made = policy_pb2.Route(name=name, request_timeout_ms=timeout_ms)
    for match in matches:
        made.matches.add(**match)
    return made


ROUTES = Routes(
    [
        route("vote", {"method": "POST", "path_exact": "/api/vote"}, {"path_exact": "/vote"}),
        route("item", {"path_regex": "/items/(\\d+)(?:/.*)?"}, timeout_ms=1500),
        route("api", {"path_prefix": "/api"}),
        route("dots", {"path_exact": "/a.b"}),
        route("deleting", {"method": "DELETE"}),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        (b"POST", b"/api/vote", "vote"),
        (b"POST", b"/api/vote?choice=1", "vote"),
        (b"GET", b"/api/vote", "api"),
        (b"GET", b"/vote", "vote"),
        (b"GET", b"/items/42", "item"),
        (b"GET", b"/items/42/parts", "item"),
        (b"GET", b"/items/x", None),
        (b"GET", b"/api", "api"),
        (b"GET", b"/apis", None),
        (b"GET", b"/a.b", "dots"),
        (b"GET", b"/axb", None),
        (b"DELETE", b"/whatever", "deleting"),
        (b"GET", b"/", None),
    ],
)
def test_first_match_wins(method: bytes, path: bytes, name: str | None) -> None:
    found = ROUTES.find(method, path)
    assert (found.name if found else None) == name


def test_timeouts() -> None:
    found = ROUTES.find(b"GET", b"/items/1")
    assert found is not None
    assert found.timeout_s == 1.5


def test_a_route_without_conditions_takes_all() -> None:
    found = Routes([route("all")]).find(b"GET", b"/x")
    assert found is not None
    assert found.name == "all"


def test_policy() -> None:
    rules = Rules()
    assert rules.inbound(80).empty
    policy = policy_pb2.WorkloadPolicy(version=3, detect_timeout_ms=500)
    policy.inbound.add(port=80, opaque=True, routes=[route("a")])
    policy.inbound.add(port=0, routes=[route("any")])
    policy.inbound.add(port=81, routes=[route("bad", {"path_regex": "("})])
    policy.outbound.add(namespace="n", name="s", port=0, routes=[route("b")])
    rules.apply(policy)
    assert rules.opaque(80)
    assert not rules.opaque(81)
    assert rules.detect_timeout_s == 0.5
    assert len(rules.refused) == 1
    for routes, name in (
        (rules.inbound(80), "a"),
        (rules.inbound(82), "any"),
        (rules.outbound(ServiceKey("n", "s", 99)), "b"),
    ):
        found = routes.find(b"GET", b"/")
        assert found is not None
        assert found.name == name
    assert rules.outbound(ServiceKey("n", "t", 99)).empty
    rules.apply(policy_pb2.WorkloadPolicy())
    assert rules.inbound(80).empty
    assert rules.detect_timeout_s == 10.0


def test_a_route_that_cannot_be_compiled_takes_no_other_with_it() -> None:
    rules = Rules()
    policy = policy_pb2.WorkloadPolicy()
    policy.inbound.add(port=80, routes=[route("bad", {"path_regex": "/x(?<y"}), route("good", {"path_exact": "/x"})])
    rules.apply(policy)
    found = rules.inbound(80).find(b"GET", b"/x")
    assert found is not None
    assert found.name == "good"
    (reason,) = rules.refused
    assert reason.startswith("bad: ")
