"""The whole mesh in real pods: installed by its own manifests, injected by its own webhook, read as people read it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

from meshcore.inject import names
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.installed import EMOJI
from tests.cluster.support.mesh import NAMESPACE as MESH
from tests.cluster.support.people import asked, meshtui
from tests.cluster.support.wait import until
from tests.cluster.tools.images import TOOLS


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

    def secured() -> bool:
        edges = {(edge["src"], edge["dst"]): edge for edge in asked("edges", "deploy", kubeconfig=ann)}
        pairs = (("vote-bot", "web"), ("web", "emoji"), ("web", "voting"))
        return all(edges[pair]["secured"] == 1.0 for pair in pairs)

    # What was asked for before anybody was ready went nowhere, and is in the window for a minute.
    until(secured, 120, "mutual TLS on every edge", every=1)
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


def test_the_events_say_who_was_injected(demo: Cluster) -> None:
    said = yaml.safe_load(demo.kubectl("get", "events", "-n", EMOJI, "-o", "yaml"))["items"]
    assert {each["reason"] for each in said} >= {"Injected"}


def test_what_a_command_prints_is_json(ann: Path) -> None:
    jq = subprocess.run(["jq", "-e", "length > 0"], input=json.dumps(list(figures(ann))), text=True, check=False)
    assert jq.returncode == 0
