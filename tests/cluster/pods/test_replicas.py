"""The mesh with three replicas in real pods, as `upgrade --ha` prints it: lost, rolled, and never without an answer."""

import re
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from kubernetes.client import ApiException

from meshcore.inject.names import COMPONENT, CONTROLLER
from tests.cluster.support import front
from tests.cluster.support.cluster import Cluster, is_ready
from tests.cluster.support.images import AGENTS
from tests.cluster.support.images import CONTROLLER as IMAGE
from tests.cluster.support.installed import EMOJI
from tests.cluster.support.mesh import NAMESPACE as MESH
from tests.cluster.support.node import Node
from tests.cluster.support.people import meshtui
from tests.cluster.support.wait import until

ROOT = f"/apis/observe.meshtui.dev/v1alpha1/namespaces/{EMOJI}"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{MESH}/leases/meshtui-control-plane"
CONTROLLERS = f"{COMPONENT}={CONTROLLER}"
BUSY = ("emoji", "voting", "web")
SIDECARS = 5
NEXT = "next"
POD = {"metadata": {"generateName": "new-"}, "spec": {"containers": [{"name": "app", "image": "any:1"}]}}


def printed(cluster: Cluster, *words: str) -> str:
    done = meshtui(*words, kubeconfig=cluster.plane.admin)
    assert done.returncode == 0, done.stderr
    return done.stdout


def upgrade(cluster: Cluster, *words: str) -> None:
    """Apply what `upgrade` prints, but that replicas only should, not must, have a node each: here is one node."""
    objects = list(yaml.safe_load_all(printed(cluster, "upgrade", *words)))
    for each in (each for each in objects if each["kind"] == "Deployment"):
        apart = each["spec"]["template"]["spec"].get("affinity", {}).get("podAntiAffinity", {})
        must = apart.pop("requiredDuringSchedulingIgnoredDuringExecution", [])
        apart.get("preferredDuringSchedulingIgnoredDuringExecution", []).extend(
            {"weight": 100, "podAffinityTerm": term} for term in must
        )
    cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))


def controllers(cluster: Cluster) -> list[Any]:
    """Return the replicas that are ready."""
    pods = cluster.core.list_namespaced_pod(MESH, label_selector=CONTROLLERS).items
    return [pod for pod in pods if pod.metadata.deletion_timestamp is None and is_ready(pod)]


def totals(answer: dict[str, Any]) -> dict[str, int]:
    """Return how many requests each workload has had, ever."""
    found = {row["resource"]["name"]: row.get("http") or {} for row in answer.get("rows") or ()}
    return {name: int(http.get("success", 0)) + int(http.get("failure", 0)) for name, http in found.items()}


class Tally:
    """What was counted, as each replica says it: no figure falls, whoever is asked."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.counts: dict[str, int] = {}

    def ask(self, pods: list[Any]) -> None:
        """Ask some replicas; they all have to answer, with no less than was known before."""
        found = [totals(front.ask(self.cluster, pod, f"{ROOT}/stats?kind=deployment&window=12h")) for pod in pods]
        for pod, now in zip(pods, found, strict=True):
            less = {name: (count, now.get(name, 0)) for name, count in self.counts.items() if now.get(name, 0) < count}
            assert not less, f"{pod.metadata.name} knows less: {less}"
        self.counts = {name: min(now[name] for now in found if name in now) for name in set().union(*found)}

    def grows(self, pods: Callable[[], list[Any]]) -> None:
        """Wait until every replica has counted more requests."""
        self.ask(pods())
        wanted = {name: self.counts.get(name, 0) + 1 for name in BUSY}

        def more() -> bool:
            self.ask(pods())
            return all(self.counts[name] >= count for name, count in wanted.items())

        until(more, 90, f"{wanted}", every=0.5)


def whole(cluster: Cluster, pods: list[Any]) -> bool:
    """Whether there are three replicas, and each says that the other two answer it and knows of all sidecars."""
    said = [front.ask(cluster, pod, f"{ROOT}/meshstatus") for pod in pods]
    return [(each["replicas"], each["uplinks"], each["note"]) for each in said] == [(3, SIDECARS, "")] * 3


def own_sidecars(pod: Any) -> int:
    """Return how many sidecars are connected to this very replica."""
    with urllib.request.urlopen(f"http://{pod.status.pod_ip}:9990/metrics", timeout=20) as answer:
        found = re.search(r"^meshtui_uplinks (\S+)$", answer.read().decode(), re.MULTILINE)
    assert found is not None
    return int(float(found[1]))


def leads(cluster: Cluster) -> bool:
    """Whether who holds the Lease is a replica that is ready."""
    holder = cluster.get(LEASE)["spec"]["holderIdentity"]
    return any(pod.metadata.name == holder for pod in controllers(cluster))


def refusal(cluster: Cluster) -> str:
    """Return why a new pod, of a namespace that waits for its sidecars, is refused; empty: it is let in."""
    try:
        made = cluster.core.create_namespaced_pod(EMOJI, POD, dry_run="All")
    except ApiException as error:
        return str(error.body)
    assert any(each.name == "meshtui-proxy" for each in made.spec.init_containers)
    return ""


@pytest.fixture(scope="module")
def three(demo: Cluster) -> Iterator[Cluster]:
    """The mesh with three replicas, which hold the demo's sidecars among them; with one again at the end."""
    upgrade(demo, "--ha")
    try:
        rolled(demo)
        yield demo
    finally:
        upgrade(demo, "--no-ha", "--set", f"images.agents={AGENTS}", "--set", f"images.controller={IMAGE}")
        demo.kubectl("delete", "-f", "-", stdin=printed(demo, "prune"))
        demo.kubectl("rollout", "status", "deployment/meshtui-controller", "-n", MESH, "--timeout=180s", seconds=200)


def rolled(cluster: Cluster) -> None:
    cluster.kubectl("rollout", "status", "deployment/meshtui-controller", "-n", MESH, "--timeout=180s", seconds=200)
    until(
        lambda: len(pods := controllers(cluster)) == 3 and whole(cluster, pods), 120, "three whole replicas", every=0.5
    )


def test_any_of_three_answers_for_all_sidecars_and_one_leads(three: Cluster) -> None:
    pods = controllers(three)
    assert sum(map(own_sidecars, pods)) == SIDECARS
    Tally(three).grows(lambda: pods)
    until(lambda: leads(three), 60, "a leader")
    budget = three.get(f"/apis/policy/v1/namespaces/{MESH}/poddisruptionbudgets/meshtui-controller")
    until(lambda: budget["status"]["disruptionsAllowed"] == 1, 60, "room for one disruption")


def test_one_is_killed_and_the_others_know_all_that_it_knew(three: Cluster) -> None:
    *others, lost = sorted(controllers(three), key=own_sidecars)
    assert own_sidecars(lost) > 1
    tally = Tally(three)
    tally.grows(lambda: [*others, lost])
    three.kubectl("delete", "pod", lost.metadata.name, "-n", MESH, "--grace-period=0", "--force")
    tally.grows(lambda: others)
    until(lambda: not refusal(three), 60, "a pod that is let in")  # the node may send some to who has gone
    until(lambda: len(controllers(three)) == 3, 120, "a third replica again")
    until(lambda: (tally.ask(pods := controllers(three)), whole(three, pods))[1], 120, "three replicas that know all")
    until(lambda: leads(three), 60, "a leader")


def test_an_upgrade_leaves_nobody_without_an_answer_and_no_pod_without_its_sidecar(node: Node, three: Cluster) -> None:
    for image in (AGENTS, IMAGE):
        node.tag(image, f"{image.rpartition(':')[0]}:{NEXT}")
    tally = Tally(three)
    tally.grows(lambda: controllers(three))
    upgrade(three, "--ha", "--image-tag", NEXT)

    def done() -> bool:
        pods = controllers(three)
        assert len(pods) >= 2  # of three, one at a time may be away
        tally.ask(pods)
        assert refusal(three) == ""
        newer = [pod for pod in pods if pod.spec.containers[0].image.endswith(f":{NEXT}")]
        return len(newer) == len(pods) == 3 and whole(three, pods)

    until(done, 180, "three replicas of the new version that know all")
    tally.grows(lambda: controllers(three))
    until(lambda: leads(three), 60, "a leader")
