"""Our kinds in a real API server: their definitions apply, and what is wrong is refused with field and fix."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from meshcore.kinds.table import GROUP, MESH, VERSION
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.folder import kept_if_failed
from tests.cluster.support.mesh import Mesh
from tests.cluster.support.mesh import mesh as running
from tests.cluster.support.wait import until
from tests.support.kinds import GOOD, spoilt


@pytest.fixture(scope="module")
def mesh(cluster: Cluster, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with kept_if_failed(request.session, tmp_path_factory.mktemp("kinds")) as folder, running(cluster, folder) as found:
        until(lambda: trusted(cluster), 20, "the CA bundle of the validator")
        yield found


def trusted(cluster: Cluster) -> bool:
    path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/meshtui-validator"
    return bool(cluster.get(path)["webhooks"][0]["clientConfig"].get("caBundle"))


def test_a_good_object_of_each_kind_is_admitted_and_comes_back_whole(
    cluster: Cluster, mesh: Mesh, namespace: str
) -> None:
    cluster.kubectl("apply", "-n", namespace, "-f", "-", stdin=GOOD)
    written = {each["kind"]: each["spec"] for each in yaml.safe_load_all(GOOD)}
    for row in MESH:
        (found,) = cluster.get(f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{row.plural}")["items"]
        assert found["spec"] == written[row.kind], row.kind
    table = cluster.kubectl("get", "meshtui", "-n", namespace)
    assert "authorizationpolicy.mesh.meshtui.dev/web   Deployment    web      allow" in table


@pytest.mark.parametrize(
    ("kind", "path", "value", "field", "fix"),
    [
        (
            "ServiceProfile",
            "routes.0.condition.pathRegex",
            "/list(",
            "spec.routes[0].condition.pathRegex",
            "correct it",
        ),
        ("ServiceProfile", "routes.0.timeout", "0s", "spec.routes[0].timeout", "write for example 30s"),
        ("ServiceProfile", "routes.1.name", "list", "spec.routes[1].name", "a name of its own"),
        ("ServiceProfile", "routes.1.condition", {}, "spec.routes[1].condition", "give method"),
        ("AuthorizationPolicy", "from.1.networks.0", "10.0.0.0/33", "spec.from[1].networks[0]", "10.0.0.0/8"),
        ("AuthorizationPolicy", "from", [], "spec.from", "list the clients"),
        ("AuthorizationPolicy", "from.0.identities.0", "web", "spec.from[0].identities[0]", "NAMESPACE/SERVICEACCOUNT"),
        ("RateLimit", "overrides.0.requestsPerSecond", 5000, "spec.overrides[0].requestsPerSecond", "raise total"),
        ("BackendPolicy", "splits", [{"backendRef": {"name": "a"}, "weight": 0}], "spec.splits", "a weight above 0"),
        ("ExternalService", "tls.mode", "passthrough", "spec.tls.serverName", "say mode: originate"),
        ("FaultInjection", "abort", {"share": 0.5}, "spec.abort", "give httpStatus"),
        ("FaultInjection", "targetRef.name", "", "spec.targetRef.name", "give the name"),
    ],
)
def test_what_the_webhook_refuses_says_where_and_what_to_do(
    cluster: Cluster, mesh: Mesh, namespace: str, kind: str, path: str, value: Any, field: str, fix: str
) -> None:
    text = json.dumps(spoilt(kind, path, value))
    said = cluster.kubectl("apply", "-n", namespace, "-f", "-", stdin=text, status=1)
    assert f"{field}: " in said
    assert fix in said


@pytest.mark.parametrize(
    ("kind", "path", "value", "field"),
    [
        ("ServiceProfile", "routes.0.timeoutt", "1s", "spec.routes[0].timeoutt"),
        ("AuthorizationPolicy", "action", "permit", "spec.action"),
        ("RateLimit", "total.requestsPerSecond", 0, "spec.total.requestsPerSecond"),
        ("BackendPolicy", "targetRef.name", None, "spec.targetRef.name"),
        ("FaultInjection", "share", 2, "spec.share"),
    ],
)
def test_what_the_schemas_refuse_is_refused_without_us(
    cluster: Cluster, mesh: Mesh, namespace: str, kind: str, path: str, value: Any, field: str
) -> None:
    text = json.dumps(spoilt(kind, path, value))
    said = cluster.kubectl("apply", "-n", namespace, "-f", "-", stdin=text, status=1)
    assert field in said
