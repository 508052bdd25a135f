"""Objects are read or refused, with all that is wrong by field, and a fix for each."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from meshcore.kinds.profile import ServiceProfile
from meshcore.kinds.read import read
from meshcore.kinds.table import MESH
from tests.support.kinds import GOOD, good, spoilt


@pytest.mark.parametrize("row", MESH, ids=lambda row: row.kind)
def test_a_good_object_is_read(row: Any) -> None:
    found = read(good(row.kind))
    assert found.faults == ()
    assert found.resource is not None
    assert isinstance(found.resource.spec, row.spec)


def test_what_is_left_out_has_the_defaults_that_are_described() -> None:
    found = read({**good("ServiceProfile"), "spec": {"retryBudget": {}}}).resource
    assert found is not None
    assert isinstance(found.spec, ServiceProfile)
    assert found.spec.retry_budget is not None
    assert (found.spec.retry_budget.retry_ratio, found.spec.retry_budget.ttl) == (0.2, "10s")


@pytest.mark.parametrize(
    ("kind", "path", "value", "told"),
    [
        ("ServiceProfile", "routes.0.condition.pathRegex", "(", "pathRegex: '(' is no regular"),
        ("ServiceProfile", "routes.0.condition.path", "/x", "spec.routes[0].condition: has more than one path"),
        ("ServiceProfile", "routes.0.condition.method", "GE T", "'GE T' is no method; write for example GET"),
        ("ServiceProfile", "routes.1.condition.any", [], "spec.routes[1].condition.any: is empty; give at least one"),
        ("ServiceProfile", "routes.1.name", "list", "spec.routes[1].name: 'list' is there already"),
        ("ServiceProfile", "routes.0.timeout", 5, "spec.routes[0].timeout: must be text, and is the number 5"),
        ("ServiceProfile", "routes.0.timeout", "0s", "spec.routes[0].timeout: '0s' is no time at all"),
        ("ServiceProfile", "routes.0.timeout", "2000h", "spec.routes[0].timeout: '2000h' is longer than any duration"),
        ("ServiceProfile", "routes.0.isRetryable", "yes", "spec.routes[0].isRetryable: must be true or false"),
        ("ServiceProfile", "routes.0.responseClasses.0.condition.status.min", 600, "600 is out of range; write 100 to"),
        ("ServiceProfile", "routes.0.responseClasses.0.condition.status.min", 500, "max: 429 is below min 500; swap"),
        ("ServiceProfile", "opaquePorts.0", "5432", "spec.opaquePorts[0]: '5432' is text; write the number without"),
        ("ServiceProfile", "retryBudget.ratio", 0.2, "spec.retryBudget.ratio: is no field that is known here; remove"),
        ("ServiceProfile", "retryBudget.ttl", "soon", "spec.retryBudget.ttl: 'soon' is no duration; write for example"),
        ("ServiceProfile", "routes.0", None, ""),
        ("AuthorizationPolicy", "targetRef.kind", "Deploy", "spec.targetRef.kind: 'Deploy' is not known; write one of"),
        ("AuthorizationPolicy", "targetRef", None, "spec.targetRef: is missing; give it"),
        ("AuthorizationPolicy", "from.0.identities.0", "spiffe://a/b", "identities[0]: 'spiffe://a/b' is not"),
        ("AuthorizationPolicy", "from.1.networks.0", "10.0.0.1/8", "has host bits set; write for example 10.0.0.0/8"),
        ("AuthorizationPolicy", "from.1.networks", None, "spec.from[1].exceptNetworks: has nothing to except from"),
        ("AuthorizationPolicy", "from.0", {}, "spec.from[0]: names nobody"),
        ("AuthorizationPolicy", "from", "shop/web", "spec.from: must be a list, and is text 'shop/web'"),
        ("RateLimit", "total.burst", 5, "spec.total.burst: 5 is below requestsPerSecond 1000"),
        ("RateLimit", "overrides.0.identities.0", "*", "'*' overrides for everybody; name the clients"),
        ("RateLimit", "targetRef.name", "web", "spec.targetRef.name: a policy is for its own namespace only"),
        ("BackendPolicy", "circuitBreaking.consecutiveFailures.minPenalty", "2m", "60s is below minPenalty"),
        ("BackendPolicy", "circuitBreaking.successRate.threshold", 80, "80 is out of range; write a share between"),
        ("BackendPolicy", "splits.1", {"backendRef": {"name": "web-v1"}, "weight": 1}, "web-v1 is there already"),
        ("ExternalService", "hosts.0", "api_1", "spec.hosts[0]: 'api_1' is no name of a host"),
        ("ExternalService", "tls.caCertificates", "x", "spec.tls.caCertificates: is no PEM"),
        ("FaultInjection", "abort.grpcStatus", 17, "spec.abort.grpcStatus: 17 is out of range; write 0 to 16"),
        ("FaultInjection", "share", float("nan"), "spec.share: nan is out of range"),
        ("FaultInjection", "targetRef.port", {}, "spec.targetRef.port: must be a number or text, and is an object"),
    ],
)  # fmt: skip
def test_a_bad_field_is_named_with_the_fix(kind: str, path: str, value: Any, told: str) -> None:
    faults = [str(each) for each in read(spoilt(kind, path, value)).faults]
    assert len(faults) == (1 if told else 0), faults
    assert told in "".join(faults)


def test_all_that_is_wrong_is_told_at_once() -> None:
    bad = spoilt("ServiceProfile", "routes.0.timeout", "x")
    bad["spec"]["routes"][1]["condition"] = {}
    bad["spec"]["retryBudget"]["ttl"] = 1
    bad["speck"] = {}
    assert [each.where for each in read(bad).faults] == [
        ("speck",),
        ("spec", "routes", 0, "timeout"),
        ("spec", "routes", 1, "condition"),
        ("spec", "retryBudget", "ttl"),
    ]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([], "is no object of Kubernetes but a list; give apiVersion and kind"),
        ({"kind": "X"}, "apiVersion: is missing"),
        ({"apiVersion": "mesh.meshtui.dev/v1alpha1", "kind": "serviceprofiles"}, "did you mean ServiceProfile?"),
        ({"apiVersion": "mesh.meshtui.dev/v2", "kind": "RateLimit"}, "write mesh.meshtui.dev/v1alpha1"),
        ({"apiVersion": "mesh.meshtui.dev/v1alpha1", "kind": "RateLimit", "spec": {}}, "metadata: is missing"),
        ({**good("RateLimit"), "metadata": {"name": "A"}}, "metadata.name: 'A' is no name of an object"),
        ({**good("RateLimit"), "metadata": {}}, "metadata.name: is missing"),
    ],
)
def test_what_is_no_object_of_ours_is_told(value: Any, told: str) -> None:
    assert told in str(read(value).faults[0])


def test_kinds_of_others_are_left_alone() -> None:
    assert not read({"apiVersion": "v1", "kind": "Pod"}).concerns
    assert not read({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway"}).concerns


def test_a_gateway_route_may_say_more_than_we_read() -> None:
    rule = {"matches": [{"path": {"value": "/a"}}], "sessionPersistence": {"type": "Cookie"}}
    spec = {"parentRefs": [{"group": "", "kind": "Service", "name": "web"}], "rules": [rule], "useDefault": True}
    route = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "a"}, "spec": spec}
    assert read(route).resource is not None
    rule["matches"] = [{"path": {"type": "RegularExpression", "value": "("}}]
    assert [str(each)[:40] for each in read(route).faults] == ["spec.rules[0].matches[0].path.value: '('"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(st.sampled_from(list(yaml.safe_load_all(GOOD))), st.data())
def test_anything_in_any_place_is_read_or_refused(each: dict[str, Any], data: st.DataObject) -> None:
    """Walk to some place of a good object and put something else there: no exception, and a path for each fault."""
    changed = yaml.safe_load(yaml.safe_dump(each))
    place: Any = changed
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], (dict, list)) or not place[key] or data.draw(st.booleans()):
            place[key] = data.draw(JSON)
            break
        place = place[key]
    found = read(changed)
    assert found.resource is None or not found.faults
    assert all(fault.problem for fault in found.faults)
