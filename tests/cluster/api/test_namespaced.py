"""A mesh for people without rights beyond one namespace: nothing of the cluster is asked for, or needed."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from meshcore.inject import names
from tests.cluster.api.test_mesh import deployment, pods_of
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.control import free_port
from tests.cluster.support.mesh import Mesh
from tests.cluster.support.people import meshtui
from tests.cluster.support.sidecar import workload
from tests.cluster.support.wait import until


class Scoped(Mesh):
    """A control plane of one namespace, started as its pod would be."""

    def __init__(self, cluster: Cluster, folder: Path, namespace: str) -> None:
        super().__init__(cluster, folder)
        self.ports = self.shown = {door: free_port() for door in ("identity", "control", "admin", "people")}
        self.namespace = namespace

    def install(self) -> None:
        """Apply what `install --namespaced` prints, as somebody who is admin of the namespace and nothing else."""
        owner = self.cluster.user("owner", namespace=self.namespace)
        self.cluster.bind("admin", "user:owner", self.namespace)
        done = meshtui("install", "--namespaced", "--mesh-namespace", self.namespace, kubeconfig=owner)
        assert done.returncode == 0, done.stderr
        kept = [each for each in yaml.safe_load_all(done.stdout) if each["kind"] != "Deployment"]
        assert {each["metadata"].get("namespace") for each in kept} == {self.namespace}
        self.cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(kept), kubeconfig=owner)
        self.kubeconfig = self.cluster.account(self.namespace, "meshtui-controller")

    @property
    def anchors(self) -> str:
        found = self.cluster.get(f"/api/v1/namespaces/{self.namespace}/configmaps/{names.ANCHORS_MAP}")
        return str(found["data"][names.ANCHORS_KEY])

    def start(self) -> None:
        command = [
            sys.executable, "-m", "meshcore", "--home", "kubernetes", "--scoped", "--dir", str(self.folder),
            "--namespace", self.namespace, "--kubeconfig", str(self.kubeconfig), "--listen", "127.0.0.1",
            "--log-level", "info",
        ]  # fmt: skip
        for door, port in self.ports.items():
            command += ["--port", f"{door}={port}"]
        with (self.folder / "controller.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self.is_ready, 40, f"the control plane; its log is {self.folder}/controller.log")


@pytest.fixture
def mesh(cluster: Cluster, namespace: str, tmp_path: Path) -> Iterator[Scoped]:
    found = Scoped(cluster, tmp_path, namespace)
    try:
        found.install()
        found.start()
        yield found
    finally:
        found.end()


def test_it_certifies_its_own_namespaces_pods_and_no_others(mesh: Scoped, cluster: Cluster, namespace: str) -> None:
    cluster.apply(deployment("web"), namespace=namespace)
    (pod,) = pods_of(cluster, namespace, 1)
    with workload(mesh, namespace, "web", pod["metadata"]["name"]) as web:
        assert web.call() == 200
        until(lambda: "meshtui_uplinks 1.0" in mesh.admin("/metrics")[1], 10, "one connected sidecar")
    wrong = cluster.token(namespace, "default")  # made for the API server, not for us
    with workload(mesh, namespace, "web", "web-x", token=wrong, ready=False) as sidecar:
        assert sidecar.process.wait(20) == 77
        assert "the token is not accepted" in sidecar.log.read_text()
    elsewhere = cluster.token("default", "default", audiences=[names.AUDIENCE])
    with workload(mesh, namespace, "web", "web-y", token=elsewhere, ready=False) as sidecar:
        assert sidecar.process.wait(20) == 77
        assert "the token is system:serviceaccount:default:default's" in sidecar.log.read_text()
