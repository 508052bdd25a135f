"""A mesh of one namespace in real pods: installed and read by somebody who is its admin and nothing else."""

import json
import sys
from pathlib import Path

import pytest

from tests.cluster.support.cluster import Cluster
from tests.cluster.support.people import asked, meshtui
from tests.cluster.support.wait import until
from tests.cluster.tools.images import TOOLS
from tests.support.shell import Shell, eventually
from tests.support.terminal import Terminal

WITHIN = 90.0

WEB = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - {{name: app, image: {TOOLS}, command: [sleep, "100000"]}}
"""


def connected(kubeconfig: Path, name: str) -> bool:
    pods = {pod["name"]: pod for pod in asked("pods", kubeconfig=kubeconfig)}
    return name in pods and bool(pods[name]["meshed"] and pods[name]["uplink"]["connected"])


def look(kubeconfig: Path, namespace: str, folder: Path) -> None:
    """Look at the mesh in the full-screen terminal, which is led to it over a forwarded port."""
    shell = Shell(folder)
    terminal = Terminal(folder, {**shell.environment, "KUBECONFIG": str(kubeconfig)})
    try:
        terminal.line(f"{sys.executable} -m meshtui")
        assert terminal.shows(f"1 {namespace}", "√ control plane", "web", "1/1 proxies", within=WITHIN), terminal.screen
        for words, shown in (
            ("po", ("› pods", "web-")),
            ("check", ("› check", "gives meshtui-controller to the control plane")),
        ):
            terminal.type(":")
            terminal.line(words)
            assert terminal.shows(*shown, within=WITHIN), terminal.screen
        terminal.press("q")
        assert eventually(lambda: terminal.screen.split()[-1:] == ["$"], WITHIN), terminal.screen
    finally:
        terminal.close()


@pytest.mark.usefixtures("our_images")
def test_an_admin_of_one_namespace_needs_nobody_else(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
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
    # What a webhook would do elsewhere is done on this side.
    web = meshtui("inject", "-", *how[1:], kubeconfig=owner, stdin=WEB)
    cluster.kubectl("apply", "-f", "-", stdin=web.stdout, kubeconfig=owner)
    (pod,) = cluster.ready_pods(namespace, "app=web", 1, 90)
    until(lambda: connected(owner, pod.metadata.name), 60, "the sidecar's uplink", every=1)
    look(owner, namespace, tmp_path)
    other = cluster.user("other", namespace=namespace)
    cluster.bind("view", "user:other", namespace)
    refused = meshtui("pods", kubeconfig=other)
    assert refused.returncode == 1
    assert "portforward" in refused.stderr, refused.stderr
    kept = meshtui("uninstall", *how, kubeconfig=owner)
    assert f"pods still have sidecars: {namespace}/web-" in kept.stderr
    gone = meshtui("uninstall", *how, "--force", kubeconfig=owner)
    cluster.kubectl("delete", "-f", "-", "--timeout=60s", stdin=gone.stdout, kubeconfig=owner)
    nothing = meshtui("uninstall", *how, "--force", kubeconfig=owner)
    assert (nothing.returncode, nothing.stdout) == (0, ""), nothing.stderr
