"""Pods that the API server takes as they come and would refuse with a sidecar: they go on without, and are told why."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes.client import ApiException

from meshcore.inject import names
from tests.cluster.api.test_mesh import events_of, meshed, pod
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.folder import kept_if_failed
from tests.cluster.support.mesh import Mesh
from tests.cluster.support.mesh import mesh as running
from tests.cluster.support.wait import until

FORBIDDEN = 403
STRICT = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.fixture(scope="module")
def mesh(cluster: Cluster, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with kept_if_failed(request.session, tmp_path_factory.mktemp("mesh")) as folder, running(cluster, folder) as found:
        yield found


def made(cluster: Cluster, namespace: str, each: dict[str, Any]) -> list[str]:
    """Return the names of a new pod's init containers."""
    found = cluster.request("POST", f"/api/v1/namespaces/{namespace}/pods", each)
    return [one["name"] for one in found["spec"].get("initContainers", ())]


def told(cluster: Cluster, namespace: str, count: int) -> dict[str, str]:
    """Return why pods were left out, by their names, once so many were told."""

    def enough() -> dict[tuple[str, str], str] | None:
        found = events_of(cluster, namespace, "InjectionSkipped")
        return found if len(found) >= count else None

    return {name: note for (_, name), note in until(enough, 60, f"{count} events").items()}


@pytest.mark.parametrize("level", ["baseline", "restricted"])
def test_a_namespace_that_takes_no_redirect(cluster: Cluster, mesh: Mesh, namespace: str, level: str) -> None:
    meshed(cluster, namespace)
    cluster.kubectl("label", "namespace", namespace, f"{names.ENFORCE}={level}")
    strict = pod("web", containers=[{"name": "a", "image": "a:1", "securityContext": STRICT}])

    def known() -> bool:
        done = cluster.kubectl("create", "--dry-run=server", "-n", namespace, "-f", "-", stdin=json.dumps(strict))
        return "created" in done

    until(known, 60, "the injector to know of the label")
    assert made(cluster, namespace, strict) == []
    assert f"PodSecurity level '{level}'" in told(cluster, namespace, 1)["web"]


def test_what_is_the_sidecars_alone(cluster: Cluster, mesh: Mesh, namespace: str) -> None:
    meshed(cluster, namespace)
    kept = {
        "volume": pod("volume", volumes=[{"name": names.TOKEN_VOLUME, "emptyDir": {}}]),
        "user": pod("user", securityContext={"runAsUser": names.PROXY_UID}),
        "room": pod("room", {"big": "x" * 261_000}),
    }
    for name, each in kept.items():
        assert made(cluster, namespace, each) == [], name
    assert told(cluster, namespace, len(kept)).keys() == kept.keys()


def test_a_pod_with_resources_as_a_whole_shares_them(cluster: Cluster, mesh: Mesh, namespace: str) -> None:
    meshed(cluster, namespace)
    small = pod("small", resources={"limits": {"cpu": "15m", "memory": "16Mi"}})
    assert made(cluster, namespace, small) == [names.REDIRECT, names.PROXY]


def test_a_namespace_with_a_quota_says_for_all_what_it_asks(cluster: Cluster, mesh: Mesh, namespace: str) -> None:
    meshed(cluster, namespace)
    hard = {"limits.cpu": "4", "requests.memory": "1Gi"}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "a"}, "spec": {"hard": hard}}
    cluster.apply(quota, namespace=namespace)
    cluster.kubectl("annotate", "namespace", namespace, f"{names.CPU_LIMIT}=500m")
    own = {"requests": {"memory": "64Mi"}, "limits": {"cpu": "200m"}}
    web = pod("web", containers=[{"name": "a", "image": "a:1", "resources": own}])

    def taken() -> list[str]:
        """It is refused until the quota is counted, and the annotation known."""
        try:
            return made(cluster, namespace, web)
        except ApiException as error:
            assert error.status == FORBIDDEN, error.body
            return []

    assert until(taken, 60, "a pod") == [names.REDIRECT, names.PROXY]
