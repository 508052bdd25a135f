"""Many nodes and pods that nobody runs: kwok answers for them, so that lists and watches are as large as they get."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import yaml
from kubernetes.client import ApiException

from tests.cluster.support.cluster import Cluster
from tests.cluster.support.control import free_port
from tests.cluster.support.wait import until
from tests.cluster.tools.find import need_program, need_stages

WRITERS = 8
PODS_PER_NODE = 110
# Unset they are 0, with which it refuses to start.
PARALLEL = {"nodePlayStageParallelism": 4, "podPlayStageParallelism": 4, "nodeLeaseParallelism": 4}
NODE = "kwok"


class Kwok:
    """kwok for one cluster: nodes named kwok-0, kwok-1, …"""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def start(self, nodes: int) -> None:
        """Start it, and wait until that many nodes are Ready."""
        plane = self.cluster.plane
        settings = plane.folder / "kwok.yaml"
        configuration = {
            "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
            "kind": "KwokConfiguration",
            "options": PARALLEL,
        }
        settings.write_text(yaml.safe_dump(configuration) + need_stages().read_text())
        flags = {
            "kubeconfig": plane.admin,
            "config": settings,
            "manage-all-nodes": "false",
            "manage-nodes-with-label-selector": f"type={NODE}",
            "cidr": "10.245.0.0/16",
            "node-ip": "10.245.0.1",
            "server-address": f"127.0.0.1:{free_port()}",
            "node-lease-duration-seconds": 40,
        }
        plane.processes.start("kwok", [need_program("kwok"), *(f"--{name}={value}" for name, value in flags.items())])
        self._create("/api/v1/nodes", (_node(number) for number in range(nodes)))
        plane.processes.wait("kwok", lambda: self._ready_nodes() >= nodes, 60 + nodes)

    def run(self, namespace: str, pods: int, deployments: int) -> None:
        """Run pods in that many Deployments and Services (app-0, app-1, …), and wait until all are Ready."""
        shares = [pods // deployments + (number < pods % deployments) for number in range(deployments)]
        self._create(
            f"/apis/apps/v1/namespaces/{namespace}/deployments",
            (_deployment(number, share) for number, share in enumerate(shares)),
        )
        self._create(f"/api/v1/namespaces/{namespace}/services", map(_service, range(deployments)))
        until(lambda: self._ready_pods(namespace) >= pods, 60 + pods / 10, f"{pods} Ready pods", every=0.5)

    def end(self) -> None:
        """End it and remove its nodes; their pods are removed with them."""
        self.cluster.plane.processes.end("kwok")
        self.cluster.core.delete_collection_node(label_selector=f"type={NODE}")

    def _create(self, path: str, objects: Iterator[dict[str, Any]]) -> None:
        def create(each: dict[str, Any]) -> None:
            try:
                self.cluster.request("POST", path, each)
            except ApiException as error:
                raise AssertionError(f"POST {path} {json.dumps(each)[:200]}: {error.body}") from error

        with ThreadPoolExecutor(WRITERS) as writers:
            list(writers.map(create, objects))

    def _ready_nodes(self) -> int:
        nodes = self.cluster.get(f"/api/v1/nodes?labelSelector=type%3D{NODE}")["items"]
        return sum(
            any(each["type"] == "Ready" and each["status"] == "True" for each in node["status"].get("conditions", []))
            for node in nodes
        )

    def _ready_pods(self, namespace: str) -> int:
        deployments = self.cluster.get(f"/apis/apps/v1/namespaces/{namespace}/deployments")["items"]
        return sum(each["status"].get("readyReplicas", 0) for each in deployments)


def _node(number: int) -> dict[str, Any]:
    name = f"{NODE}-{number}"
    room = {"cpu": "32", "memory": "256Gi", "pods": str(PODS_PER_NODE)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {"kubernetes.io/hostname": name, "type": NODE},
        },
        "status": {"allocatable": room, "capacity": room},
    }


def _deployment(number: int, replicas: int) -> dict[str, Any]:
    labels = {"app": f"app-{number}"}
    container = {"name": "app", "image": "none:1", "ports": [{"containerPort": 8080}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"app-{number}"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"nodeSelector": {"type": NODE}, "containers": [container]},
            },
        },
    }


def _service(number: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"app-{number}"},
        "spec": {"selector": {"app": f"app-{number}"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
