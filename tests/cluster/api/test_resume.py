"""How the control plane keeps up with the API server, as the API server's own audit log counts it."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from kubernetes.client import ApiException
from urllib3.exceptions import HTTPError

from tests.cluster.api.test_mesh import ROOT, deployment, pods_of
from tests.cluster.api.test_watch import compact
from tests.cluster.support.audit import Asked, asked
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.folder import kept_if_failed
from tests.cluster.support.mesh import Mesh
from tests.cluster.support.mesh import mesh as running
from tests.cluster.support.relay import Relay, relay
from tests.cluster.support.wait import until

BUSY = ("pods", "services", "endpointslices", "namespaces")  # where something happens
QUIET = (
    "ratelimits",
    "serviceprofiles",
    "faultinjections",
)  # where nothing does, so that only bookmarks tell the version
WATCH_S = 2
WAIT_S = 120


class World(NamedTuple):
    """A control plane whose watches are brief, and its way to the API server."""

    cluster: Cluster
    mesh: Mesh
    way: Relay


@pytest.fixture(scope="module")
def world(
    cluster: Cluster, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    with (
        kept_if_failed(request.session, tmp_path_factory.mktemp("resume")) as folder,
        relay(cluster.plane.port) as way,
        running(cluster, folder, through=way.url, brief=WATCH_S) as mesh,
    ):
        yield World(cluster, mesh, way)


def known(world: World, namespace: str) -> set[str]:
    """Return the pods of a namespace as the control plane tells them; none where it does not answer."""
    try:
        said = world.cluster.get(f"{ROOT}/namespaces/{namespace}/meshedpods")
    except (ApiException, HTTPError):  # its API, or the API server, is just coming back
        return set()
    return {each["status"]["pod"] for each in said.get("pods") or ()}


def relisted(world: World) -> int:
    """Return how often the control plane says that it listed the pods anew, after a version that grew too old."""
    page = world.mesh.admin("/metrics")[1]
    found = re.search(r'^meshtui_watch_relists_total{path="/api/v1/pods"} (\S+)$', page, re.MULTILINE)
    assert found is not None, page
    return int(float(found[1]))


def names(cluster: Cluster, namespace: str, count: int) -> set[str]:
    return {each["metadata"]["name"] for each in pods_of(cluster, namespace, count)}


def test_a_watch_that_the_api_server_ends_is_taken_up_where_it_stopped(world: World, namespace: str) -> None:
    cluster = world.cluster
    before = asked(cluster)
    wanted = Counter(dict.fromkeys((*BUSY, *QUIET), 4))

    def so_far() -> Asked:
        return asked(cluster).since(before)

    until(lambda: so_far().watches >= wanted, WAIT_S, f"watches that were taken up: {wanted}", every=0.5)
    cluster.apply(deployment("web"), namespace=namespace)
    made = names(cluster, namespace, 1)
    until(lambda: known(world, namespace) == made, WAIT_S, "the pod that came meanwhile")
    again = asked(cluster).watches + wanted
    until(lambda: asked(cluster).watches >= again, WAIT_S, "watches that were taken up again", every=0.5)
    assert known(world, namespace) == made
    assert so_far().lists == Counter()


def test_what_the_api_server_no_longer_knows_is_listed_once_more(world: World, namespace: str) -> None:
    """It is out of reach while pods come and go, and when it is back it has forgotten what happened."""
    cluster = world.cluster
    cluster.apply(deployment("goes"), namespace=namespace)
    gone = names(cluster, namespace, 1)
    until(lambda: known(world, namespace) == gone, WAIT_S, "the first pod")
    before, relists = asked(cluster), relisted(world)
    world.way.cut()
    try:
        cluster.kubectl("delete", "deployment", "goes", "-n", namespace, "--wait")
        cluster.kubectl("delete", "pods", "--all", "-n", namespace, "--grace-period=0", "--force")
        cluster.apply(deployment("comes"), namespace=namespace)
        come = names(cluster, namespace, 1)
        compact(cluster)
        cluster.plane.end_api_server()  # it would remember
        cluster.plane.start_api_server()
        assert come.isdisjoint(gone)
    finally:
        world.way.mend()
    until(lambda: known(world, namespace) == come, WAIT_S, "what is there, and not what was")

    again = asked(cluster).watches + Counter(BUSY)
    until(lambda: asked(cluster).watches >= again, WAIT_S, "watches that go on", every=0.5)
    since = asked(cluster).since(before).lists
    assert since["pods"] == relisted(world) - relists, since
    assert all(1 <= since[what] <= 3 for what in BUSY), since  # an API server that is just starting may end one
    assert known(world, namespace) == come
