"""What objects say of Services, whose routes come first, and what is left out."""

from typing import Any

from meshcore.services.policy.attach import Attachments
from tests.support.kinds import good, spoilt

WEB = ("shop", "web")


def profile(name: str = "web", **spec: Any) -> dict[str, Any]:
    found = good("ServiceProfile")
    return {**found, "metadata": {"name": name, "namespace": "shop"}, "spec": {**found["spec"], **spec}}


def route(name: str, *matches: dict[str, Any], namespace: str = "shop", port: int = 0, **rule: Any) -> dict[str, Any]:
    parent = {"group": "", "kind": "Service", "name": "web", "namespace": "shop", **({"port": port} if port else {})}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"parentRefs": [parent], "rules": [{"matches": list(matches), **rule}]},
    }


def prefix(value: str) -> dict[str, Any]:
    return {"path": {"type": "PathPrefix", "value": value}}


def take(attachments: Attachments, each: dict[str, Any]) -> str:
    meta = each["metadata"]
    return attachments.take(each["kind"], (meta["namespace"], meta["name"]), each).problem


def names(attachments: Attachments, clients: str | None = None) -> list[str]:
    return [rule.route.name for rule in attachments.rules(WEB, clients)]


def test_a_profile_is_for_the_service_of_its_name_or_the_one_it_names() -> None:
    found = Attachments()
    assert found.take("ServiceProfile", WEB, profile()).services == {WEB}
    assert names(found) == ["list", "other"]
    assert found.rules(WEB)[0].route.request_timeout_ms == 500
    assert found.opaque(WEB, "db", "5000")
    assert found.opaque(WEB, "sql", "5432")
    assert not found.opaque(WEB, "http", "80")
    moved = profile(targetRef={"name": "cart", "port": 80})
    assert found.take("ServiceProfile", WEB, moved).services == {WEB, ("shop", "cart")}
    assert (names(found), found.rules(("shop", "cart"))[0].port) == ([], "80")
    assert found.take("ServiceProfile", WEB, None).services == {("shop", "cart")}
    assert found.services == []


def test_an_object_that_cannot_be_used_is_left_out_and_named_and_the_others_stay() -> None:
    found = Attachments()
    take(found, profile("web"))
    bad = spoilt("ServiceProfile", "routes.0.timeout", "x")
    bad["metadata"] = {"namespace": "shop", "name": "bad"}
    assert take(found, bad).startswith("spec.routes[0].timeout: 'x' is no duration")
    assert list(found.problems) == [("ServiceProfile", "shop", "bad")]
    assert names(found) == ["list", "other"]
    found.take("ServiceProfile", ("shop", "bad"), None)
    assert not found.problems


def test_the_more_specific_match_of_gateway_routes_comes_first_and_profiles_before_all() -> None:
    found = Attachments()
    exact = {"path": {"type": "Exact", "value": "/a/b"}}
    take(found, route("all", prefix("/")))
    take(found, route("a", prefix("/a"), exact, timeouts={"request": "2s"}))
    take(found, route("get", {**prefix("/a"), "method": "GET"}))
    assert names(found) == ["a", "get", "a", "all"]
    assert [rule.route.request_timeout_ms for rule in found.rules(WEB)] == [2000, 0, 2000, 0]
    take(found, profile("web"))
    assert names(found)[:2] == ["list", "other"]


def test_routes_of_a_clients_namespace_take_the_place_of_the_services_own() -> None:
    found = Attachments()
    take(found, route("own", prefix("/")))
    take(found, route("theirs", prefix("/"), namespace="bank"))
    assert names(found) == ["own"]
    assert names(found, "shop") == ["own"]
    assert names(found, "bank") == ["theirs"]


def test_what_a_sidecar_cannot_tell_apart_is_left_out_alone() -> None:
    found = Attachments()
    header = {**prefix("/a"), "headers": [{"name": "x", "value": "y"}]}
    assert "spec.rules[0].matches[1]: is left out: sidecars do not look at headers" in take(
        found, route("a", prefix("/"), header)
    )
    assert names(found) == ["a"]


def test_routes_of_others_are_none_of_our_business_good_or_bad() -> None:
    found = Attachments()
    ingress = route("ingress", prefix("no path"))
    ingress["spec"]["parentRefs"] = [{"name": "gateway"}]
    assert take(found, ingress) == ""
    assert found.services == []


def test_rules_without_a_name_are_numbered_and_0s_is_no_limit() -> None:
    found = Attachments()
    each = route("a", prefix("/a"))
    each["spec"]["rules"] += [{"matches": [prefix("/b")], "timeouts": {"request": "0s"}}, {"name": "named"}]
    assert take(found, each) == ""
    assert {rule.route.name: rule.route.request_timeout_ms for rule in found.rules(WEB)} == {
        "a.1": 0,
        "a.2": 0,
        "named": 0,
    }


def test_the_other_kinds_are_judged_and_attach_nothing_yet() -> None:
    found = Attachments()
    assert found.take("RateLimit", WEB, good("RateLimit")).services == set()
    assert "out of range" in found.take("RateLimit", WEB, spoilt("RateLimit", "total.requestsPerSecond", 0)).problem
