"""A request's path says what it does, in RBAC's words."""

import pytest

from meshcore.kube.act import Act, act_of


@pytest.mark.parametrize(
    ("method", "path", "query", "act"),
    [
        ("GET", "/api/v1/pods", {}, Act("list", "", "pods")),
        ("GET", "/api/v1/pods", {"watch": "1"}, Act("watch", "", "pods")),
        ("GET", "/api/v1/namespaces/shop/pods/a", {}, Act("get", "", "pods", "shop", "a")),
        ("GET", "/api/v1/namespaces/shop/pods/a/log", {}, Act("get", "", "pods", "shop", "a", "log")),
        ("GET", "/api/v1/namespaces/shop", {}, Act("get", "", "namespaces", "", "shop")),
        ("GET", "/api/v1/namespaces", {}, Act("list", "", "namespaces")),
        ("POST", "/apis/apps/v1/namespaces/shop/deployments", {}, Act("create", "apps", "deployments", "shop")),
        ("PUT", "/apis/a.b/v1/leases/x", {}, Act("update", "a.b", "leases", "", "x")),
        ("PATCH", "/apis/a.b/v1/leases/x", {}, Act("patch", "a.b", "leases", "", "x")),
        ("DELETE", "/apis/a.b/v1/leases/x", {}, Act("delete", "a.b", "leases", "", "x")),
        ("DELETE", "/apis/a.b/v1/leases", {}, Act("deletecollection", "a.b", "leases")),
        (
            "GET",
            "/api/v1/namespaces/mesh/secrets",
            {"fieldSelector": "metadata.name=issuer", "watch": "true"},
            Act("watch", "", "secrets", "mesh", "issuer"),
        ),
        ("GET", "/version", {}, None),
        ("GET", "/apis/apps/v1", {}, None),
    ],
)
def test_acts(method: str, path: str, query: dict[str, str], act: Act | None) -> None:
    assert act_of(method, path, query) == act


def test_an_act_reads_as_a_sentence() -> None:
    assert str(Act("watch", "observe.meshtui.dev", "deployments", "shop", "web", "tap")) == (
        "watch deployments/tap.observe.meshtui.dev web in shop"
    )
