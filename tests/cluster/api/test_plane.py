"""The cluster is a real one: controllers act, tokens are reviewed, access is decided, who is refused is told so."""

import pytest
from kubernetes.client import ApiException

from tests.cluster.support.cluster import Cluster
from tests.cluster.support.wait import until

AUDIENCE = "mesh.meshtui.dev"


def deployment(name: str, replicas: int = 1) -> dict[str, object]:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "any:1"}]}},
        },
    }


def test_it_says_that_it_is_ready(cluster: Cluster) -> None:
    assert cluster.kubectl("get", "--raw", "/readyz") == "ok"
    assert cluster.get("/version")["gitVersion"].startswith("v1.")


def test_a_deployment_becomes_pods(cluster: Cluster, namespace: str) -> None:
    cluster.apply(deployment("web", replicas=2), namespace=namespace)
    pods = until(
        lambda: len(found := cluster.core.list_namespaced_pod(namespace).items) == 2 and found, 20, "pods of web"
    )
    assert {pod.metadata.owner_references[0].kind for pod in pods} == {"ReplicaSet"}
    assert {pod.status.phase for pod in pods} == {"Pending"}  # there is no node


def test_a_token_holds_for_its_audience_only(cluster: Cluster, namespace: str) -> None:
    token = cluster.token(namespace, "web", audiences=[AUDIENCE])

    def review(audience: str) -> object:
        return cluster.authentication.create_token_review({"spec": {"token": token, "audiences": [audience]}}).status

    mine = review(AUDIENCE)
    assert mine.authenticated
    assert mine.user.username == f"system:serviceaccount:{namespace}:web"
    assert not review("somebody-else").authenticated


def test_access_is_decided_for_each_kind_of_user(cluster: Cluster, namespace: str) -> None:
    cluster.bind("view", "user:reader", namespace)

    def may(user: str, groups: list[str], verb: str, place: str) -> bool:
        asked = {"namespace": place, "verb": verb, "resource": "pods"}
        spec = {"user": user, "groups": groups, "resourceAttributes": asked}
        return bool(cluster.authorization.create_subject_access_review({"spec": spec}).status.allowed)

    assert may("root", ["system:masters"], "delete", "kube-system")
    assert may("reader", [], "list", namespace)
    assert not may("reader", [], "delete", namespace)
    assert not may("reader", [], "list", "kube-system")
    assert not may("stranger", ["system:authenticated"], "list", namespace)


@pytest.mark.parametrize("way", ["certificate", "token"])
def test_a_user_may_what_they_were_given(cluster: Cluster, namespace: str, way: str) -> None:
    if way == "certificate":
        kubeconfig, subject = cluster.user("ann", ["team-a"]), "group:team-a"
    else:
        kubeconfig, subject = cluster.account(namespace, "ann"), f"account:{namespace}:ann"
    cluster.bind("view", subject, namespace)
    assert cluster.kubectl("get", "pods", "-n", namespace, "-o", "name", kubeconfig=kubeconfig) == ""
    said = cluster.kubectl("get", "nodes", kubeconfig=kubeconfig, status=1)
    assert "forbidden" in said
    with pytest.raises(ApiException) as refused:
        cluster.get("/api/v1/nodes", api=cluster.client(kubeconfig))
    assert refused.value.status == 403
