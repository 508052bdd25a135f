"""The mesh.yaml of a way: its routes are what the control plane reads, and the load's is the last to match."""

import pytest
import yaml

from meshcore.services.policy.document import parse
from tests.bench.mesh import describe, routes_taken
from tests.bench.rows import Way


@pytest.mark.parametrize("routes", [0, 1, 100])
def test_routes(routes):
    (service,) = parse(yaml.safe_dump(describe(Way("http", pair=False, routes=routes))), "mesh.yaml").services
    assert len(service.routes) == routes
    assert {rule.port for rule in service.routes} <= {"http"}  # and none of the other port
    assert [rule.path_prefix for rule in service.routes if rule.name == "bench"] == ["/bench"] * bool(routes)


def test_routes_taken():
    metrics = """# TYPE request_total counter
request_total{direction="inbound",tls="true"} 7
request_total{direction="inbound",route_name="bench"} 9
response_total{direction="inbound",route_name="other"} 9
"""
    assert routes_taken(metrics) == {"", "bench"}
    assert routes_taken("") == set()


def test_bytes_are_not_looked_into():
    (service,) = parse(yaml.safe_dump(describe(Way("tcp", pair=True))), "mesh.yaml").services
    assert service.opaque == {"tcp"}
