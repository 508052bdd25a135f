"""The whole mesh in real pods: installed by its own manifests, injected by its own webhook, read as people read it."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshcore.inject import names
from tests.cluster.api.test_people import meshtui
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.node import Node
from tests.cluster.support.wait import until
from tests.cluster.tools.images import TOOLS

DEMO = Path(__file__).resolve().parents[3] / "deploy" / "demo" / "kubernetes.yaml"
EMOJI = "emojivoto"
MESH = "meshtui"


@pytest.fixture(scope="module")
def mesh(node: Node, our_images: None) -> Iterator[Cluster]:
    """The mesh, installed as a person installs it."""
    cluster = node.cluster
    admin = cluster.plane.admin
    how = ["--set", "images.pullPolicy=Never"]
    printed = meshtui("install", *how, kubeconfig=admin)
    assert printed.returncode == 0, printed.stderr
    cluster.kubectl("apply", "-f", "-", stdin=printed.stdout)
    cluster.ready_pods(MESH, "mesh.meshtui.dev/component=controller", 1, 120)
    until(lambda: available(cluster), 60, "the API server's word that it reaches the control plane")
    yield cluster
    gone = meshtui("uninstall", "--force", kubeconfig=admin)
    cluster.kubectl("delete", "--timeout=120s", "-f", "-", stdin=gone.stdout)
    left = cluster.kubectl(
        "get", "crd,apiservice,mutatingwebhookconfiguration,clusterrole,clusterrolebinding,ns", "-o", "name"
    )
    assert MESH not in left


@pytest.fixture(scope="module")
def demo(mesh: Cluster) -> Iterator[Cluster]:
    """The demo application, unchanged, in an enabled namespace."""
    mesh.kubectl("apply", "-f", str(DEMO))
    try:
        for app, count in (("emoji", 1), ("voting", 2), ("web", 1), ("vote-bot", 1)):
            mesh.ready_pods(EMOJI, f"app={app}", count, 120)
        yield mesh
    finally:
        mesh.kubectl("delete", "-f", str(DEMO), "--timeout=120s")


@pytest.fixture(scope="module")
def ann(demo: Cluster) -> Path:
    """A user who may look at the demo's namespace and at nothing else."""
    for role in ("meshtui-view", "meshtui-tap"):
        demo.bind(role, "user:ann", EMOJI)
    return demo.user("ann", namespace=EMOJI)


def available(cluster: Cluster) -> bool:
    found = cluster.get("/apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.observe.meshtui.dev")
    conditions = (found.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Available" and each["status"] == "True" for each in conditions)


def asked(*words: str, kubeconfig: Path) -> Any:
    done = meshtui(*words, "-o", "json", kubeconfig=kubeconfig)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def figures(ann: Path) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in asked("stat", "deploy", kubeconfig=ann)}


def test_every_pod_has_a_sidecar_that_is_certified_and_connected(demo: Cluster, ann: Path) -> None:
    def connected() -> bool:
        pods = asked("pods", kubeconfig=ann)
        return len(pods) == 5 and all(pod["meshed"] and pod["uplink"]["connected"] for pod in pods)

    until(connected, 30, "five connected sidecars")
    identities = {pod["identity"] for pod in asked("pods", kubeconfig=ann)}
    assert identities == {
        f"spiffe://cluster.local/ns/{EMOJI}/sa/{name}" for name in ("emoji", "voting", "web", "vote-bot")
    }


def test_its_traffic_is_seen_by_who_may_see_one_namespace(demo: Cluster, ann: Path) -> None:
    def flows() -> bool:
        rows = figures(ann)
        return (
            all(rows.get(name, {}).get("rps") for name in ("emoji", "voting", "web")) and rows["voting"]["success"] < 1
        )

    until(flows, 40, "traffic in every workload, and doughnuts that fail", every=1)
    assert figures(ann)["emoji"]["success"] == 1.0
    edges = {(edge["src"], edge["dst"]): edge for edge in asked("edges", "deploy", kubeconfig=ann)}
    for pair in (("vote-bot", "web"), ("web", "emoji"), ("web", "voting")):
        assert edges[pair]["secured"] == 1.0, edges[pair]
    tapped = meshtui("tap", "deploy/voting", "--class", "failure", "--limit", "1", "--duration", "30s", kubeconfig=ann)
    assert "VoteDoughnut" in tapped.stdout, tapped.stdout + tapped.stderr
    other = meshtui("stat", "deploy", "-n", MESH, kubeconfig=ann)
    assert other.returncode == 1
    assert "not allowed" in other.stderr


def test_an_unmeshed_client_is_served_and_counted_as_one(demo: Cluster, ann: Path, namespace: str) -> None:
    address = demo.core.read_namespaced_service("web", EMOJI).spec.cluster_ip
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "stranger"},
        "spec": {
            "backoffLimit": 0,
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [
                        {
                            "name": "c",
                            "image": TOOLS,
                            "command": [
                                "sh",
                                "-c",
                                f"for i in 1 2 3 4 5; do wget -q -O- http://{address}/ >/dev/null; done",
                            ],
                        }
                    ],
                }
            },
        },
    }
    demo.apply(job, namespace=namespace)
    demo.kubectl("wait", "--for=condition=complete", "job/stranger", "-n", namespace, "--timeout=60s")

    def counted() -> bool:
        edges = asked("edges", "deploy", "--namespace", EMOJI, kubeconfig=ann)
        return any(edge["dst"] == "web" and not edge["secured"] for edge in edges)

    until(counted, 20, "an edge without TLS")


def test_a_job_with_a_native_sidecar_completes(mesh: Cluster, namespace: str) -> None:
    mesh.kubectl("annotate", "namespace", namespace, f"{names.INJECT}={names.ENABLED}")
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "once"},
        "spec": {
            "backoffLimit": 0,
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [{"name": "c", "image": TOOLS, "command": ["sh", "-c", "echo done"]}],
                }
            },
        },
    }
    mesh.apply(job, namespace=namespace)
    mesh.kubectl("wait", "--for=condition=complete", "job/once", "-n", namespace, "--timeout=120s")


def test_without_dns_sidecars_are_given_addresses(mesh: Cluster, namespace: str) -> None:
    mesh.kubectl("annotate", "namespace", namespace, f"{names.INJECT}={names.ENABLED}")
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "app"},
        "spec": {"containers": [{"name": "app", "image": TOOLS}]},
    }
    address = f"{mesh.core.read_namespaced_service('meshtui-identity', MESH).spec.cluster_ip}:8080"

    def given() -> str:
        tried = ["create", "--dry-run=server", "-n", namespace, "-o", "yaml", "-f", "-"]
        return mesh.kubectl(*tried, stdin=yaml.safe_dump(pod))

    def configure(document: dict[str, Any]) -> None:
        patch = {"data": {names.CONFIG_KEY: yaml.safe_dump(document)}}
        mesh.kubectl("patch", "configmap", names.CONFIG_MAP, "-n", MESH, "--type=merge", "-p", json.dumps(patch))

    assert address not in given()
    before = yaml.safe_load(mesh.core.read_namespaced_config_map(names.CONFIG_MAP, MESH).data[names.CONFIG_KEY])
    configure({**before, "addresses": {**before["addresses"], "byIp": True}})
    try:
        until(lambda: address in given(), 20, "a pod with the Service's address in its configuration")
    finally:
        configure(before)


def test_nothing_is_lost_when_sidecars_and_the_control_plane_go(demo: Cluster, ann: Path) -> None:
    """A rolling restart, a killed sidecar, and a killed control plane: requests go on, figures come back."""
    demo.kubectl("rollout", "restart", "deployment/voting", "-n", EMOJI)
    demo.kubectl("rollout", "status", "deployment/voting", "-n", EMOJI, "--timeout=120s")
    (controller,) = demo.ready_pods(MESH, "mesh.meshtui.dev/component=controller", 1)
    demo.kubectl("delete", "pod", controller.metadata.name, "-n", MESH, "--grace-period=0", "--force")
    demo.ready_pods(MESH, "mesh.meshtui.dev/component=controller", 1, 120)
    until(lambda: available(demo), 60, "the control plane's API")

    def back() -> bool:
        done = meshtui("stat", "deploy", "-o", "json", kubeconfig=ann)
        rows = {row["name"]: row for row in json.loads(done.stdout)} if done.returncode == 0 else {}
        return all(rows.get(name, {}).get("rps") for name in ("emoji", "voting", "web"))

    until(back, 60, "figures after the control plane's return", every=1)
    assert figures(ann)["emoji"]["success"] == 1.0


def test_the_events_say_who_was_injected(demo: Cluster) -> None:
    said = yaml.safe_load(demo.kubectl("get", "events", "-n", EMOJI, "-o", "yaml"))["items"]
    assert {each["reason"] for each in said} >= {"Injected"}


def test_what_a_command_prints_is_json(ann: Path) -> None:
    jq = subprocess.run(["jq", "-e", "length > 0"], input=json.dumps(list(figures(ann))), text=True, check=False)
    assert jq.returncode == 0
