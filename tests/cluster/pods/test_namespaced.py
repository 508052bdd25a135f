"""A mesh of one namespace in real pods: installed and read by somebody who is its admin and nothing else."""

import json

import pytest

from tests.cluster.support.cluster import Cluster
from tests.cluster.support.people import meshtui
from tests.cluster.support.wait import until


@pytest.mark.usefixtures("our_images")
def test_an_admin_of_one_namespace_needs_nobody_else(cluster: Cluster, namespace: str) -> None:
    owner = cluster.user("solo", namespace=namespace)
    cluster.bind("admin", "user:solo", namespace)
    how = ["--namespaced", "--mesh-namespace", namespace]
    before = meshtui("check", "--pre", *how, kubeconfig=owner)
    assert before.returncode == 0, before.stdout
    printed = meshtui("install", *how, "--set", "images.pullPolicy=Never", kubeconfig=owner)
    assert printed.returncode == 0, printed.stderr
    cluster.kubectl("apply", "-f", "-", stdin=printed.stdout, kubeconfig=owner)
    cluster.ready_pods(namespace, "mesh.meshtui.dev/component=controller", 1, 90)

    def seen() -> bool:
        done = meshtui("pods", "-o", "json", kubeconfig=owner)  # over a forwarded port: there is no aggregated API
        assert done.returncode == 0, done.stderr
        return any(pod["owner"]["name"] == "meshtui-controller" for pod in json.loads(done.stdout))

    until(seen, 20, "the control plane's own pod")
    checked = meshtui("check", "--proxy", "--wait", "60s", kubeconfig=owner)
    assert checked.returncode == 0, checked.stdout
    assert "√ the control plane answers over a forwarded port" in checked.stdout
    assert "webhook" not in checked.stdout
    other = cluster.user("other", namespace=namespace)
    cluster.bind("view", "user:other", namespace)
    refused = meshtui("pods", kubeconfig=other)
    assert refused.returncode == 1
    assert "portforward" in refused.stderr, refused.stderr
    gone = meshtui("uninstall", *how, kubeconfig=owner)
    cluster.kubectl("delete", "-f", "-", "--timeout=60s", stdin=gone.stdout, kubeconfig=owner)
    nothing = meshtui("uninstall", *how, kubeconfig=owner)
    assert (nothing.returncode, nothing.stdout) == (0, ""), nothing.stderr
