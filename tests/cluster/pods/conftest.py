"""One node with its control plane for all tests of this tier, one mesh for most, a namespace for each.

Who needs no mesh runs first: a mesh of one namespace, for one, is read otherwise than beside a mesh of the cluster.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.support import installed, traces
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.folder import kept_if_failed
from tests.cluster.support.images import build_ours
from tests.cluster.support.node import Node, its_turn, need_containers
from tests.cluster.support.wait import until
from tests.cluster.tools.find import need_control_plane, need_image, need_program
from tests.cluster.tools.images import DATABASES, PAUSE, TOOLS
from tests.support.tools import absent

PACKAGES = "containerd runc iptables containernetworking-plugins conntrack iproute2 util-linux"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "cluster/pods" in str(item.path) and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(900))  # the first may have to wait for another run's node
    items.sort(key=lambda item: "cluster/pods" in str(item.path) and "mesh" in getattr(item, "fixturenames", ()))


def pytest_runtest_setup() -> None:
    missing = need_containers()
    if missing:
        absent(f"{', '.join(missing)} missing: apt-get install {PACKAGES}")
    if os.geteuid() != 0:
        absent("real pods need root: run the tests as root")
    need_control_plane()
    for name in ("kubelet", "kube-proxy", "coredns", "pause"):
        need_program(name)
    need_image(TOOLS)


@pytest.fixture(scope="session")
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with its_turn(), kept_if_failed(request.session, tmp_path_factory.mktemp("node")) as folder:
        before = traces.of_machine()
        node = Node(folder)
        try:
            node.start([need_image(PAUSE), need_image(TOOLS)])
            yield node
        finally:
            node.close()
        until(lambda: traces.of_node(folder) == [], 60, "the kernel to have ended what was in the node's boundary")
        assert traces.of_machine() == before


@pytest.fixture(scope="session")
def our_images(node: Node, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The project's images as they are in this checkout, on the node (names: tests/cluster/support/images.py)."""
    folder = tmp_path_factory.mktemp("images")
    for path in build_ours(folder):
        node.import_image(path)
        path.unlink()


@pytest.fixture(scope="session")
def databases(node: Node) -> None:
    """Redis and PostgreSQL, on the node."""
    node.import_image(need_image(DATABASES))


@pytest.fixture(scope="session")
def cluster(node: Node) -> Cluster:
    return node.cluster


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    with cluster.namespace() as name:
        yield name


@pytest.fixture(scope="session")
def mesh(cluster: Cluster, our_images: None) -> Iterator[Cluster]:
    """The mesh, installed as a person installs it."""
    with installed.installed(cluster):
        yield cluster


@pytest.fixture(scope="session")
def demo(mesh: Cluster) -> Iterator[Cluster]:
    """The demo application, unchanged, in an enabled namespace."""
    with installed.demo(mesh):
        yield mesh


@pytest.fixture(scope="session")
def ann(demo: Cluster) -> Path:
    """A user who may look at the demo's namespace and at nothing else."""
    for role in ("meshtui-view", "meshtui-tap"):
        demo.bind(role, "user:ann", installed.EMOJI)
    return demo.user("ann", namespace=installed.EMOJI)
