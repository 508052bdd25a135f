"""The mesh.yaml of a way: its routes are what the control plane reads, and the load's is the last to match."""

import pytest
import yaml

from meshcore.services.policy.document import parse
from tests.bench.mesh import describe
from tests.bench.rows import Way


@pytest.mark.parametrize("routes", [0, 1, 100])
def test_routes(routes):
    (service,) = parse(yaml.safe_dump(describe(Way("http", pair=False, routes=routes))), "mesh.yaml").services
    assert len(service.routes) == routes
    assert [rule.path_prefix for rule in service.routes if rule.name == "bench"] == ["/bench"] * bool(routes)


def test_bytes_are_not_looked_into():
    (service,) = parse(yaml.safe_dump(describe(Way("tcp", pair=True))), "mesh.yaml").services
    assert service.opaque == {"bench"}
