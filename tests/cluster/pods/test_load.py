"""Requests are counted while real pods are rolled, renewed, rotated and struck: which may fail, and which may not."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshcore.inject import names
from tests.cluster.support.cluster import Cluster, is_ready
from tests.cluster.support.installed import CONTROLLER
from tests.cluster.support.load import CLIENT, Load, load
from tests.cluster.support.mesh import NAMESPACE, is_reached
from tests.cluster.support.node import Node
from tests.cluster.support.people import asked, meshtui
from tests.cluster.support.wait import until

POLITE, ABRUPT = "polite", "abrupt"  # as support/inside/server.py ends
PAUSE = {names.APP_PRE_STOP: "3s"}
CREW = {names.WORKERS: "2"}
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def running(mesh: Cluster) -> Iterator[Load]:
    """Load, from sidecars whose certificates last for a minute."""
    configure(mesh, lifetime="1m")
    try:
        with (
            mesh.namespace("load") as namespace,
            load(mesh, namespace, {POLITE: ("get", CREW), ABRUPT: ("get post new grpc", PAUSE)}) as found,
        ):
            found.more(20)
            yield found
    finally:
        configure(mesh, lifetime="24h")


def configure(cluster: Cluster, *, lifetime: str) -> None:
    document = yaml.safe_load(cluster.core.read_namespaced_config_map(names.CONFIG_MAP, NAMESPACE).data["config.yaml"])
    patch = {"data": {names.CONFIG_KEY: yaml.safe_dump({**document, "identity": {"leafLifetime": lifetime}})}}
    cluster.kubectl("patch", "configmap", names.CONFIG_MAP, "-n", NAMESPACE, "--type=merge", "-p", json.dumps(patch))


def told(running: Load) -> dict[str, dict[str, Any]]:
    """Return by pod what the load's sidecars serve, as they have told; none while the control plane does not answer."""
    pods = running.cluster.core.list_namespaced_pod(running.namespace).items
    words = [f"pod/{pod.metadata.name}" for pod in pods if pod.metadata.deletion_timestamp is None]
    done = meshtui("identity", *words, "-n", running.namespace, "-o", "json", kubeconfig=running.cluster.plane.admin)
    return {each["pod"]: each for each in json.loads(done.stdout)} if done.returncode == 0 else {}


def all_told(running: Load, wanted: Callable[[dict[str, Any]], bool], seconds: float, what: str) -> None:
    """Wait until every sidecar has told what is wanted."""
    until(lambda: (found := told(running).values()) and all(map(wanted, found)), seconds, what, every=1)


def kept(running: Load) -> list[str]:
    """Return the bundles that the sidecars keep for their next start."""
    read = f"print(open('{names.TRUST_FOLDER}/anchors.pem').read(), end='')"
    where = ["-n", running.namespace, "-c", names.PROXY, "--", "/opt/meshtui/bin/python", "-S", "-c", read]
    pods = running.cluster.core.list_namespaced_pod(running.namespace).items
    return [running.cluster.kubectl("exec", pod.metadata.name, *where) for pod in pods]


def figures(running: Load) -> dict[str, Any]:
    """Return what `meshtui stat` says of the load's deployments that have traffic."""
    rows = asked("stat", "deploy", "-n", running.namespace, kubeconfig=running.cluster.plane.admin)
    return {row["name"]: row for row in rows if row["rps"]}


def strike(node: Node, status: Any) -> None:
    """Kill a container's first process, without a word before."""
    container = str(status.container_id).removeprefix("containerd://")
    how = ["--namespace", "k8s.io", "tasks", "kill", "--signal", "SIGKILL", container]
    node.boundary.run("ctr", "--address", str(node.socket), *how)


def sidecar_of(pod: Any) -> Any:
    return next(each for each in pod.status.init_container_statuses if each.name == names.PROXY)


def strike_sidecar(node: Node, running: Load, app: str) -> Callable[[], bool]:
    """Kill a sidecar; return what tells whether its pod is whole again."""
    pods = running.cluster.core.list_namespaced_pod(running.namespace, label_selector=f"app={app}").items
    pod = next(each for each in pods if each.metadata.deletion_timestamp is None and is_ready(each))
    before = sidecar_of(pod).restart_count
    strike(node, sidecar_of(pod))

    def whole() -> bool:
        now = running.cluster.core.read_namespaced_pod(pod.metadata.name, running.namespace)
        return sidecar_of(now).restart_count > before and is_ready(now)

    return whole


def test_a_rolling_restart_loses_nothing(running: Load) -> None:
    """Nothing that may be repeated, and nothing at all of programs that are gone at once and were given a moment.

    Calls that a program itself drops while it ends are its own: gRPC's servers cancel those that come as they stop.
    """
    where, both = ["-n", running.namespace], [f"deployment/{POLITE}", f"deployment/{ABRUPT}"]
    with running.lossless():
        running.cluster.kubectl("rollout", "restart", *both, *where)
        for each in both:
            running.cluster.kubectl("rollout", "status", each, *where, "--timeout=80s")


def test_certificates_are_renewed_without_a_pause(running: Load) -> None:
    all_told(running, lambda each: bool(each["serial"]), 60, "sidecars that tell what they serve")
    before = told(running)
    assert all(each["not_after_ms"] - each["not_before_ms"] < 100_000 for each in before.values()), before
    with running.lossless():
        configure(running.cluster, lifetime="24h")
        soon = time.time() * 1000 + 23 * HOUR_MS
        all_told(running, lambda each: each["not_after_ms"] > soon, 120, "certificates of a day in every sidecar")
    assert before.keys() == told(running).keys()  # nobody was replaced for it


def test_a_killed_control_plane_fails_nothing(node: Node, running: Load) -> None:
    cluster = running.cluster
    (pod,) = cluster.ready_pods(NAMESPACE, CONTROLLER, 1)
    (status,) = pod.status.container_statuses
    with running.lossless():
        strike(node, status)

        def again() -> bool:
            (now,) = cluster.core.read_namespaced_pod(pod.metadata.name, NAMESPACE).status.container_statuses
            return bool(now.restart_count > status.restart_count and now.ready)

        until(again, 120, "the control plane's next start")
        until(lambda: is_reached(cluster), 60, "the control plane's API")
        all_told(running, lambda each: bool(each["connected"]), 90, "its sidecars")
        until(lambda: figures(running).keys() >= {POLITE, ABRUPT}, 60, "figures of the servers", every=1)


def test_the_anchor_is_replaced_as_printed(running: Load, tmp_path: Path) -> None:
    """Sidecars killed below were injected with the old anchor only: they start again by the bundle that they keep."""
    cluster = running.cluster
    words = ["identity", "rotate", "--dir", str(tmp_path / "rotation")]

    def command(step: int) -> str | None:
        """Return the command of a step, once it may be taken."""
        done = meshtui(*words, kubeconfig=cluster.plane.admin)
        assert done.returncode == 0, done.stderr
        match = re.search(rf"^Next +{step}\. .*\n +kubectl (.*)$", done.stdout, re.MULTILINE)
        return match[1] if match is not None else None

    def bundle() -> str:
        found: str = cluster.core.read_namespaced_config_map(names.ANCHORS_MAP, NAMESPACE).data[names.ANCHORS_KEY]
        return found

    old = bundle()
    with running.lossless():
        for step in (1, 2, 3):
            next_ = until(lambda step=step: command(step), 120, f"step {step} of the rotation to be due", every=1)
            cluster.kubectl(*next_.split())
            if step != 2:  # which changes the issuer
                until(lambda: set(kept(running)) == {bundle()}, 60, "the bundle in every sidecar", every=1)
    assert old not in bundle()
    pods = cluster.core.list_namespaced_pod(running.namespace).items
    assert {injected_anchors(pod) for pod in pods} == {old}


def injected_anchors(pod: Any) -> str:
    sidecar = next(each for each in pod.spec.init_containers if each.name == names.PROXY)
    document = json.loads(next(each.value for each in sidecar.env if each.name == "MESHTUI_CONFIG"))
    return str(document["anchors_pem"])


def test_a_killed_sidecar_fails_what_it_had_and_no_more(node: Node, running: Load) -> None:
    before = running.count()
    whole = strike_sidecar(node, running, ABRUPT)
    until(whole, 90, "the sidecar's next start")
    now = running.more(30)
    lost = now.since(before)
    assert all(f":{ABRUPT} " in each for each in lost), lost  # the client asks for one thing at a time in each way
    assert len({each.partition(" ")[0] for each in lost}) == len(lost), lost
    with running.lossless():
        running.more(20)


def test_a_client_goes_on_once_its_sidecar_is_back(node: Node, running: Load) -> None:
    whole = strike_sidecar(node, running, CLIENT)
    until(whole, 90, "the sidecar's next start")
    running.calm()
    with running.lossless():
        running.more(20)
