"""One API server with its controllers for all tests of this tier, and a namespace for each test."""

from collections.abc import Iterator

import pytest

from tests.cluster.support.cluster import Cluster
from tests.cluster.support.control import ControlPlane
from tests.cluster.support.folder import kept_if_failed
from tests.cluster.support.kwok import Kwok
from tests.cluster.tools.find import need_control_plane

NODES = 20  # room for 2,200 pods


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "cluster/api" in str(item.path) and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(600))  # a busy API server may take minutes to end a kind


def pytest_runtest_setup() -> None:
    need_control_plane()  # here and not in the fixture: one line for all tests


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with kept_if_failed(request.session, tmp_path_factory.mktemp("cluster")) as folder:
        plane = ControlPlane(folder)
        try:
            plane.start()
            yield Cluster(plane)
        finally:
            plane.close()


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    with cluster.namespace() as name:
        yield name


@pytest.fixture(scope="session")
def kwok(cluster: Cluster) -> Iterator[Kwok]:
    """Fake nodes; ask it to `run` pods on them."""
    kwok = Kwok(cluster)
    kwok.start(NODES)
    yield kwok
    kwok.end()
