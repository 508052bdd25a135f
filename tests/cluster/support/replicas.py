"""Two replicas of the control plane as processes beside a cluster, which knows them as pods of one Deployment.

Each has its own way for sidecars, that leads to the other replica while it is away, as a Service's does; a third one is
the API server's. No kubelet looks after the pods, so a test says when one of them is gone.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from meshcore.inject import names
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.door import Door, doors
from tests.cluster.support.mesh import BASE, NAMESPACE, Mesh


class Replicas:
    """Two control planes, `first` and `second`."""

    def __init__(self, cluster: Cluster, folder: Path, ways: list[Door]) -> None:
        self.cluster = cluster
        self._observe, *sidecars = ways
        self.meshes: list[Mesh] = []
        for number in range(2):
            identity, control = sidecars[2 * number : 2 * number + 2]
            shown = {"observe": self._observe.port, "identity": identity.port, "control": control.port}
            own = folder / f"replica-{number}"
            own.mkdir(mode=0o700)
            self.meshes.append(Mesh(cluster, own, pod=f"meshtui-controller-{number}", shown=shown))
        self._sidecars = sidecars
        self.lead()
        self.ask(self.first)

    @property
    def first(self) -> Mesh:
        return self.meshes[0]

    @property
    def second(self) -> Mesh:
        return self.meshes[1]

    def ask(self, mesh: Mesh) -> None:
        """Lead people's questions to one replica from now on."""
        self._observe.behind = [mesh.ports["observe"]]

    def lead(self, past: Mesh | None = None) -> None:
        """Lead sidecars each to its own replica first, but never to one that is not ready."""
        for number in range(2):
            order = [mesh for mesh in (self.meshes[number], self.meshes[1 - number]) if mesh is not past]
            for door, name in zip(self._sidecars[2 * number : 2 * number + 2], ("identity", "control"), strict=True):
                door.behind = [mesh.ports[name] for mesh in order]

    def start(self) -> None:
        """Install the mesh and start both."""
        self.first.install()
        self.second.kubeconfig = self.first.kubeconfig
        for mesh in self.meshes:
            self.appear(mesh)
            mesh.start()

    def appear(self, mesh: Mesh) -> None:
        """Have the cluster know a replica as a pod that is ready."""
        self.cluster.apply(_pod(mesh), namespace=NAMESPACE)
        ready = {"type": "Ready", "status": "True"}
        status = {"phase": "Running", "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}], "conditions": [ready]}
        patch = json.dumps({"status": status})
        self.cluster.kubectl(
            "patch", "pod", mesh.pod, "-n", NAMESPACE, "--subresource=status", "--type=merge", "-p", patch
        )

    def vanish(self, mesh: Mesh) -> None:
        """Have the cluster take a replica's pod away."""
        self.cluster.kubectl("delete", "pod", mesh.pod, "-n", NAMESPACE, "--grace-period=0", "--force")

    def close(self) -> None:
        self.second.end()
        self.first.close()
        self.cluster.kubectl("delete", "pod", "-n", NAMESPACE, "-l", names.COMPONENT, "--grace-period=0", "--force")


def _pod(mesh: Mesh) -> dict[str, Any]:
    """Return the pod that the Deployment would make, with the port that the process listens on."""
    found = next(
        each for each in yaml.safe_load_all((BASE / "controller.yaml").read_text()) if each["kind"] == "Deployment"
    )
    template = found["spec"]["template"]
    template["metadata"]["name"] = mesh.pod
    (container,) = template["spec"]["containers"]
    for port in container["ports"]:
        if port["name"] == "grpc-control":
            port["containerPort"] = mesh.ports["control"]
    template["spec"]["schedulerName"] = "nobody"  # it stands for a process of this machine
    return {"apiVersion": "v1", "kind": "Pod", **template}


@contextmanager
def replicas(cluster: Cluster, folder: Path) -> Iterator[Replicas]:
    """Two control planes that run, with all that leads to them."""
    with doors(5) as ways:
        found = Replicas(cluster, folder, ways)
        try:
            found.start()
            yield found
        finally:
            found.close()
