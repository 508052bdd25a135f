"""The mesh is taken away under running workloads: nothing of it is left, and they go on. Last, for it ends the mesh."""

import urllib.request
from typing import Any

from tests.cluster.support.cluster import Cluster
from tests.cluster.support.installed import EMOJI, leftovers, uninstall
from tests.cluster.support.mesh import NAMESPACE as MESH
from tests.cluster.support.people import meshtui

REQUESTS = 20


def listed(address: str) -> Any:
    """Return the status of a page for which web asks emoji, from sidecar to sidecar."""
    with urllib.request.urlopen(f"http://{address}/api/list", timeout=30) as answer:
        return answer.status


def test_nothing_is_left_and_workloads_go_on(demo: Cluster) -> None:
    refused = meshtui("uninstall", kubeconfig=demo.plane.admin)
    assert refused.returncode == 1
    assert f"pods still have sidecars: {EMOJI}/emoji-" in refused.stderr
    kinds = {name.partition("/")[0].partition(".")[0] for name in leftovers(demo)}
    assert kinds >= {"lease", "role", "rolebinding", "clusterrole", "apiservice", "customresourcedefinition"}
    address = demo.core.read_namespaced_service("web", EMOJI).spec.cluster_ip
    assert listed(address) == 200
    uninstall(demo)
    assert leftovers(demo) == []
    assert [listed(address) for _ in range(REQUESTS)] == [200] * REQUESTS
    pods = demo.core.list_namespaced_pod(EMOJI).items
    assert {pod.status.phase for pod in pods} == {"Running"}
    assert MESH not in {each.metadata.name for each in demo.core.list_namespace().items}
