"""Our kinds in a real API server: their definitions apply, and what is wrong is refused with field and fix."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from meshcore.kinds.table import GROUP, MESH, VERSION
from tests.cluster.api.test_plane import deployment
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.folder import kept_if_failed
from tests.cluster.support.mesh import Mesh
from tests.cluster.support.mesh import mesh as running
from tests.cluster.support.sidecar import Sidecar, workload
from tests.cluster.support.wait import until
from tests.support.kinds import GOOD, good, spoilt

HTTP_ROUTES = "httproutes.gateway.networking.k8s.io"
SOON = 2.0


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
    assert said.startswith(f'The {kind} "{good(kind)["metadata"]["name"]}" is invalid: ')
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


def test_profiles_and_routes_name_the_requests_of_a_pod_within_two_seconds(
    cluster: Cluster, mesh: Mesh, namespace: str, gateway_api: None
) -> None:
    """From the API server to a sidecar that was there before, and by its counters back to the route column."""
    cluster.apply(deployment("web"), namespace=namespace)
    pod = until(lambda: first_pod(cluster, namespace), 20, "a pod")
    with workload(mesh, namespace, "web", pod) as web:
        cluster.apply(*service_of("web", pod, web.origin), namespace=namespace)
        profile = good("ServiceProfile")
        took = shows(web, "/list/1", "list", lambda: cluster.apply(profile, namespace=namespace))
        assert took < SOON, f"the profile took {took:.1f} s"
        profile["spec"]["routes"][0]["name"] = "renamed"
        took = shows(web, "/list/1", "renamed", lambda: cluster.apply(profile, namespace=namespace))
        assert took < SOON, f"its change took {took:.1f} s"
        # The Gateway API came after the control plane, which looks for it every 15 s to 30 s; from then on it is told.
        shows(web, "/old/1", "old", lambda: cluster.apply(http_route("old", "/old"), namespace=namespace))
        took = shows(web, "/new/1", "new", lambda: cluster.apply(http_route("new", "/new"), namespace=namespace))
        assert took < SOON, f"the HTTPRoute took {took:.1f} s"
        path = f"/apis/observe.meshtui.dev/v1alpha1/namespaces/{namespace}/stats?kind=deployment&name=web&routes=true"

        def routes() -> set[str]:
            return {row.get("route", "") for row in json.loads(cluster.kubectl("get", "--raw", path))["rows"]}

        until(lambda: {"list", "renamed", "old", "new"} <= routes(), 15, "the routes in the figures")


def test_an_object_that_came_past_the_webhook_is_skipped_and_told_and_the_others_go_on(
    cluster: Cluster, mesh: Mesh, namespace: str
) -> None:
    hooks = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/meshtui-validator"
    before = cluster.get(hooks)["webhooks"][0]["rules"]
    bad = spoilt("ServiceProfile", "routes.0.condition.pathRegex", "(")
    bad["metadata"]["name"] = "bad"
    rules = [{**before[0], "resources": ["ratelimits"]}]
    patch = json.dumps([{"op": "replace", "path": "/webhooks/0/rules", "value": rules}])
    cluster.kubectl("patch", "validatingwebhookconfiguration", "meshtui-validator", "--type=json", "-p", patch)
    try:
        until(lambda: admitted(cluster, bad, namespace), 10, "the webhook to be passed by")
    finally:
        patch = json.dumps([{"op": "replace", "path": "/webhooks/0/rules", "value": before}])
        cluster.kubectl("patch", "validatingwebhookconfiguration", "meshtui-validator", "--type=json", "-p", patch)
    named = f"ServiceProfile {namespace}/bad"
    until(lambda: any((each.get("fields") or each).get("object") == named for each in mesh.log()), 5, "a log line")
    told = [each for each in mesh.log() if (each.get("fields") or each).get("object") == named]
    assert len(told) == 1
    assert "pathRegex" in json.dumps(told[0])


@pytest.fixture
def gateway_api(cluster: Cluster) -> Iterator[None]:
    """The kind HTTPRoute, as far as a store goes; the real definitions are the Gateway API's."""
    open_schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    cluster.apply(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {
                "name": HTTP_ROUTES,
                "annotations": {"api-approved.kubernetes.io": "unapproved, a stand-in for tests"},
            },
            "spec": {
                "group": "gateway.networking.k8s.io",
                "scope": "Namespaced",
                "names": {"kind": "HTTPRoute", "plural": "httproutes"},
                "versions": [{"name": "v1", "served": True, "storage": True, "schema": open_schema}],
            },
        }
    )
    cluster.kubectl("wait", "--for=condition=Established", f"crd/{HTTP_ROUTES}", "--timeout=30s")
    yield
    cluster.kubectl("delete", "crd", HTTP_ROUTES)


def first_pod(cluster: Cluster, namespace: str) -> str:
    items = cluster.get(f"/api/v1/namespaces/{namespace}/pods")["items"]
    return items[0]["metadata"]["name"] if items else ""


def admitted(cluster: Cluster, each: dict[str, Any], namespace: str) -> bool:
    try:
        cluster.apply(each, namespace=namespace)
    except AssertionError:
        return False
    return True


def service_of(name: str, pod: str, port: int) -> list[dict[str, Any]]:
    """A Service whose slice is the test's own, since the pod runs beside the cluster and not in it."""
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"ports": [{"name": "http", "port": 80}]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": f"{name}-own", "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": port}],
            "endpoints": [{"addresses": ["10.244.0.9"], "targetRef": {"kind": "Pod", "name": pod}}],
        },
    ]


def http_route(name: str, prefix: str) -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name},
        "spec": {
            "parentRefs": [{"group": "", "kind": "Service", "name": "web", "port": 80}],
            "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": prefix}}]}],
        },
    }


def shows(web: Sidecar, path: str, route: str, act: Callable[[], None], within: float = 60) -> float:
    """Act, and return how long it is until requests go under a route."""
    act()
    acted = time.monotonic()

    def counted() -> bool:
        web.call(path)
        with urllib.request.urlopen(f"http://127.0.0.1:{web.admin}/metrics", timeout=30) as answer:
            return f'route_name="{route}"' in answer.read().decode()

    until(counted, within, f"requests under route {route}")
    return time.monotonic() - acted
