"""The policy that one workload gets of a description."""

from meshcore.services.policy.compose import policy
from meshcore.services.policy.document import Description, RouteRule, Service

WEB = Service(
    "shop",
    "deployment",
    "web",
    ports=(("http", 8080), ("db", 5432)),
    opaque=frozenset({"db"}),
    routes=(RouteRule("list", port="http", path="/list", timeout_ms=5), RouteRule("any")),
)
VOTING = Service("shop", "deployment", "voting", ports=(("grpc", 0),), routes=(RouteRule("vote", port="grpc"),))
MESH = Description((WEB, VOTING))


def test_inbound_has_each_port_and_the_rest() -> None:
    found = policy(MESH, "shop", "web", {})
    assert [(port.port, port.opaque, [route.name for route in port.routes]) for port in found.inbound] == [
        (5432, True, ["any"]),
        (8080, False, ["list", "any"]),
        (0, False, ["any"]),
    ]
    assert found.inbound[1].routes[0].request_timeout_ms == 5


def test_a_port_of_an_instances_own_is_known_once_it_has_registered() -> None:
    assert list(policy(MESH, "shop", "voting", {}).inbound) == []
    (port,) = policy(MESH, "shop", "voting", {"grpc": 40001}).inbound
    assert (port.port, [route.name for route in port.routes]) == (40001, ["vote"])


def test_outbound_has_the_routes_of_every_service() -> None:
    found = policy(MESH, "shop", "voting", {}).outbound
    assert [(one.name, one.port, [route.name for route in one.routes]) for one in found] == [
        ("web", 8080, ["list", "any"]),
        ("web", 5432, ["any"]),
        ("web", 0, ["any"]),
        ("voting", 0, ["vote"]),
    ]


def test_a_workload_that_nobody_describes_gets_no_rules_of_its_own() -> None:
    assert list(policy(MESH, "shop", "extra", {"http": 1}).inbound) == []
