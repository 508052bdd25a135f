"""Two replicas of the control plane in real pods, behind real Services: one is killed, and no figure falls."""

from typing import Any

from kubernetes.client import ApiException

from meshcore.inject.names import COMPONENT, CONTROLLER
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.installed import EMOJI
from tests.cluster.support.mesh import NAMESPACE as MESH
from tests.cluster.support.wait import until

ROOT = f"/apis/observe.meshtui.dev/v1alpha1/namespaces/{EMOJI}"
CONTROLLERS = f"{COMPONENT}={CONTROLLER}"


def scale(cluster: Cluster, replicas: int) -> list[Any]:
    cluster.kubectl("scale", "deployment/meshtui-controller", "-n", MESH, f"--replicas={replicas}")
    return cluster.ready_pods(MESH, CONTROLLERS, replicas, 120)


def ask(cluster: Cluster, what: str) -> dict[str, Any]:
    """Return an answer of any replica; nothing while the API server still asks the one that has gone."""
    try:
        found: dict[str, Any] = cluster.get(f"{ROOT}/{what}")
    except ApiException:
        return {}
    return found


def totals(cluster: Cluster) -> dict[str, int]:
    """Return how many requests each workload has had, ever."""
    rows = ask(cluster, "stats?kind=deployment&window=12h").get("rows") or ()
    found = {row["resource"]["name"]: row.get("http") or {} for row in rows}
    return {name: int(http.get("success", 0)) + int(http.get("failure", 0)) for name, http in found.items()}


def whole(cluster: Cluster) -> bool:
    """Whether two replicas answer each other, and every sidecar of the demo is at one of them."""
    found = ask(cluster, "meshstatus")
    return (found.get("replicas"), found.get("uplinks"), found.get("note")) == (2, 5, "")


def test_one_of_two_is_killed_and_nothing_that_was_counted_is_lost(demo: Cluster) -> None:
    first, *_ = scale(demo, 1)
    try:
        scale(demo, 2)
        demo.kubectl("rollout", "restart", "deployment", "-n", EMOJI)  # each pod's sidecar takes one of the two
        demo.kubectl("rollout", "status", "deployment", "-n", EMOJI, "--timeout=180s")
        until(lambda: whole(demo), 120, "two replicas that know of all sidecars", every=0.5)
        until(lambda: all(totals(demo).get(name) for name in ("emoji", "voting", "web")), 60, "requests", every=0.5)
        before = totals(demo)
        demo.kubectl("delete", "pod", first.metadata.name, "-n", MESH, "--grace-period=0", "--force")

        def back() -> bool:
            nonlocal before
            now = totals(demo)
            if now:
                assert all(now.get(name, 0) >= count for name, count in before.items()), (before, now)
                before = now
            return whole(demo)

        demo.ready_pods(MESH, CONTROLLERS, 2, 120)
        until(back, 120, "two replicas, and all sidecars at them", every=0.5)
        grown = {name: count + 1 for name, count in before.items() if name in ("emoji", "voting", "web")}
        until(lambda: back() and all(before[name] >= count for name, count in grown.items()), 60, "more requests")
    finally:
        scale(demo, 1)
