"""Kinds spell their paths; objects say who they are."""

import pytest

from meshcore.kube.objects import (
    DEPLOYMENTS,
    NAMESPACES,
    PODS,
    SERVICE_PROFILES,
    annotations_of,
    key_of,
    labels_of,
    lean,
    version_of,
)


def test_paths_of_core_and_named_groups() -> None:
    assert PODS.path() == "/api/v1/pods"
    assert PODS.path("shop") == "/api/v1/namespaces/shop/pods"
    assert PODS.path("shop", "web-0", "status") == "/api/v1/namespaces/shop/pods/web-0/status"
    assert DEPLOYMENTS.path("shop", "web") == "/apis/apps/v1/namespaces/shop/deployments/web"
    assert NAMESPACES.path(None, "shop") == "/api/v1/namespaces/shop"
    assert NAMESPACES.path("ignored", "shop") == "/api/v1/namespaces/shop"


def test_a_name_cannot_lead_elsewhere() -> None:
    assert PODS.path("shop", "../../secrets/x") == "/api/v1/namespaces/shop/pods/..%2F..%2Fsecrets%2Fx"
    with pytest.raises(ValueError, match="which namespace"):
        PODS.path(None, "web-0")


def test_a_new_object_carries_its_kind() -> None:
    assert SERVICE_PROFILES.new("web", "shop", spec={}) == {
        "apiVersion": "mesh.meshtui.dev/v1alpha1",
        "kind": "ServiceProfile",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {},
    }


def test_what_an_object_says_of_itself() -> None:
    each = {"metadata": {"name": "a", "namespace": "b", "resourceVersion": "7", "labels": None, "managedFields": [1]}}
    assert key_of(each) == ("b", "a")
    assert version_of(each) == "7"
    assert labels_of(each) == annotations_of(each) == {}
    assert "managedFields" not in lean(each)["metadata"]
    assert each["metadata"]["managedFields"] == [1]
    assert key_of({}) == ("", "")
