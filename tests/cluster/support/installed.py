"""The mesh in real pods as a person installs it, by what the command line prints, and the demo application in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.support.cluster import Cluster
from tests.cluster.support.mesh import NAMESPACE, is_reached
from tests.cluster.support.people import meshtui
from tests.cluster.support.wait import until

MANIFEST = Path(__file__).resolve().parents[3] / "deploy" / "demo" / "kubernetes.yaml"
EMOJI = "emojivoto"
CONTROLLER = "mesh.meshtui.dev/component=controller"


@contextmanager
def installed(cluster: Cluster) -> Iterator[None]:
    """A mesh; at its end nothing of it is left."""
    printed = meshtui("install", "--set", "images.pullPolicy=Never", kubeconfig=cluster.plane.admin)
    assert printed.returncode == 0, printed.stderr
    cluster.kubectl("apply", "-f", "-", stdin=printed.stdout)
    cluster.ready_pods(NAMESPACE, CONTROLLER, 1, 120)
    until(lambda: is_reached(cluster), 60, "the API server's word that it reaches the control plane")
    try:
        yield
    finally:
        uninstall(cluster)


def uninstall(cluster: Cluster) -> None:
    """Take it away as a person does; it may be away already."""
    gone = meshtui("uninstall", "--force", kubeconfig=cluster.plane.admin)
    assert gone.returncode == 0, gone.stderr
    if gone.stdout:
        cluster.kubectl("delete", "--timeout=120s", "-f", "-", stdin=gone.stdout)


@contextmanager
def demo(cluster: Cluster) -> Iterator[None]:
    """The demo application, unchanged, in its enabled namespace."""
    cluster.kubectl("apply", "-f", str(MANIFEST))
    try:
        for app, count in (("emoji", 1), ("voting", 2), ("web", 1), ("vote-bot", 1)):
            cluster.ready_pods(EMOJI, f"app={app}", count, 120)
        yield
    finally:
        cluster.kubectl("delete", "--ignore-not-found", "-f", str(MANIFEST), "--timeout=120s")


def leftovers(cluster: Cluster) -> list[str]:
    """Return the kinds, and the objects of any kind in the whole cluster, whose names are the mesh's."""
    kinds = cluster.kubectl("api-resources", "--verbs=list", "-o", "name").split()
    ours = [kind for kind in kinds if "meshtui" in kind]
    # Kubernetes' own controllers may have told something of the mesh's end; what they tell goes after an hour.
    wanted = ",".join(kind for kind in kinds if kind not in ours and not kind.startswith("events"))
    listed = cluster.kubectl("get", wanted, "--all-namespaces", "-o", "name", "--ignore-not-found")
    return ours + [name for name in listed.splitlines() if "meshtui" in name]
