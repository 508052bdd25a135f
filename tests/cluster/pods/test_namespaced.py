"""A mesh of one namespace in real pods: installed and read by somebody who is its admin and nothing else."""

import json

import pytest

from tests.cluster.support.people import meshtui
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.wait import until


@pytest.mark.usefixtures("our_images")
def test_an_admin_of_one_namespace_needs_nobody_else(cluster: Cluster, namespace: str) -> None:
    owner = cluster.user("solo", namespace=namespace)
    cluster.bind("admin", "user:solo", namespace)
    how = ["--namespaced", "--mesh-namespace", namespace, "--set", "images.pullPolicy=Never"]
    printed = meshtui("install", *how, kubeconfig=owner)
    assert printed.returncode == 0, printed.stderr
    cluster.kubectl("apply", "-f", "-", stdin=printed.stdout, kubeconfig=owner)
    cluster.ready_pods(namespace, "mesh.meshtui.dev/component=controller", 1, 90)

    def seen() -> bool:
        done = meshtui("pods", "-o", "json", kubeconfig=owner)  # over a forwarded port: there is no aggregated API
        assert done.returncode == 0, done.stderr
        return any(pod["owner"]["name"] == "meshtui-controller" for pod in json.loads(done.stdout))

    until(seen, 20, "the control plane's own pod")
    other = cluster.user("other", namespace=namespace)
    cluster.bind("view", "user:other", namespace)
    refused = meshtui("pods", kubeconfig=other)
    assert refused.returncode == 1
    assert "portforward" in refused.stderr, refused.stderr
