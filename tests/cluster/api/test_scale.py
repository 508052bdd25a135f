"""A thousand pods, played by kwok, and a crowd of watchers: whatever happens on the way, all come to know the same."""

import asyncio
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from meshcore.kube import watch as watching
from meshcore.kube.session import open_cluster
from meshcore.server.follow import Cluster as Following
from meshcore.services.discovery.locate import Locator
from meshcore.services.discovery.registry import Registry
from meshcore.wire.ids import Target
from tests.bench.process import read_rollup
from tests.cluster.api.test_watch import compact
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.crowd import Crowd, crowd
from tests.cluster.support.flips import Flip, Pods, Sets, flip
from tests.cluster.support.folder import kept_if_failed
from tests.cluster.support.kwok import Kwok
from tests.cluster.support.mesh import Mesh
from tests.cluster.support.mesh import mesh as running
from tests.cluster.support.relay import Relay, relay
from tests.cluster.support.wait import until

PODS, SERVICES, EACH = 1000, 20, 5  # so many watchers of each service of each kind
PRIVATE_MIB = 250  # what five thousand pods and a thousand watchers may take is 400


class World:
    """Services over a thousand pods, watchers of all of them, and the way from the control plane to the API server."""

    def __init__(self, mesh: Mesh, namespace: str, sets: Sets, several: Crowd, way: Relay) -> None:
        self.cluster, self.mesh, self.namespace, self.way = mesh.cluster, mesh, namespace, way
        self.sets, self.pods, self.several = sets, Pods(sets, namespace), several

    def flip(self, pods: Sequence[str], *, ready: bool, what: Sets | Pods | None = None) -> list[Flip]:
        """End some endpoints, or bring them back."""

        async def act() -> list[Flip]:
            async with open_cluster(str(self.cluster.plane.admin), environ={}) as session:
                return await flip(what or self.sets, session, [(pod, ready) for pod in pods], 0)

        return asyncio.run(act())

    def some(self, each: int, first: int = 0) -> list[str]:
        """Return the names of so many pods of each service."""
        return [pod for pods in self.sets.pods.values() for pod in pods[first : first + each]]

    def agrees(self, without: Sequence[str] = (), unready: Sequence[str] = ()) -> None:
        """Wait until each watcher knows all endpoints but those that were ended, or whose pods are not ready."""
        gone = {"set": set(without), "app": set(unready)}
        expected = {
            f"{kind}-{number}:80": [sorted(set(pods) - gone[kind])]
            for kind in gone
            for number, pods in self.sets.pods.items()
        }
        until(lambda: self.several.ask("known") == expected, 90, "watchers that all know what there is")

    def metric(self, name: str, kind: str) -> float:
        _, text = self.mesh.admin("/metrics")
        return sum(float(value) for value in re.findall(rf"^{name}\{{[^}}]*{kind}[^}}]*\}} (\S+)$", text, re.MULTILINE))


@pytest.fixture(scope="module")
def world(
    cluster: Cluster, kwok: Kwok, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    with (
        kept_if_failed(request.session, tmp_path_factory.mktemp("scale")) as folder,
        cluster.namespace(prefix="scale") as namespace,
        relay(cluster.plane.port) as way,
    ):
        kwok.run(namespace, PODS, SERVICES)
        sets = Sets(cluster, namespace)
        sets.make(SERVICES)
        targets = [f"{kind}-{number}:80" for kind in ("set", "app") for number in range(SERVICES)]
        with running(cluster, folder, way.url) as mesh, crowd(mesh, namespace, targets, EACH * 2 * SERVICES) as several:
            yield World(mesh, namespace, sets, several, way)


@pytest.mark.timeout(400)
def test_each_watcher_knows_each_endpoint(world: World) -> None:
    world.agrees()


def test_a_change_is_told_to_those_it_concerns_and_to_nobody_else(world: World) -> None:
    gone = world.some(1)[:5]
    before = world.several.ask("heard")["messages"]
    world.flip(gone, ready=False)
    world.agrees(without=gone)
    world.flip(gone, ready=True)
    world.agrees()
    told: dict[str, list[tuple[bool, int]]] = defaultdict(list)
    for arrival in list(world.several.arrivals())[-2 * len(gone) * EACH :]:
        told[arrival.pod].append((arrival.ready, arrival.watcher % (2 * SERVICES)))
    for number, pod in enumerate(gone):
        assert sorted(told[pod]) == [(False, number)] * EACH + [(True, number)] * EACH
    assert world.several.ask("heard")["messages"] - before == 2 * len(gone) * EACH


def test_pods_that_are_not_ready_leave_the_services_of_their_selectors(world: World) -> None:
    gone = world.some(1, first=3)
    world.flip(gone, ready=False, what=world.pods)
    world.agrees(unready=gone)
    world.flip(gone, ready=True, what=world.pods)
    world.agrees()


def test_what_happens_while_the_way_to_the_api_server_is_cut(world: World) -> None:
    before = [world.metric(f"meshtui_watch_{what}_total", "endpointslices") for what in ("relists", "failures")]
    gone = world.some(2)
    world.way.cut()
    world.flip(gone, ready=False)
    world.way.mend()
    world.agrees(without=gone)
    world.flip(gone, ready=True)
    world.agrees()
    after = [world.metric(f"meshtui_watch_{what}_total", "endpointslices") for what in ("relists", "failures")]
    assert after[0] == before[0]  # it went on where it was
    assert after[1] > before[1]


def test_what_happens_while_history_is_lost(world: World) -> None:
    """The API server restarts over a store that has forgotten: the version at hand is too old, all is read anew."""
    gone = world.some(2, first=5)
    world.way.cut()
    world.flip(gone, ready=False)
    compact(world.cluster)
    world.cluster.plane.end_api_server()
    world.cluster.plane.start_api_server()
    world.way.mend()
    world.agrees(without=gone)
    assert world.metric("meshtui_watch_relists_total", "endpointslices") >= 1
    world.flip(gone, ready=True)
    world.agrees()


async def test_streams_that_the_api_server_ends_go_on_after_their_bookmarks(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "WATCH_S", 1)
    namespace, gone = world.namespace, world.some(2)
    registry = Registry(time.monotonic, lambda: 0)
    async with open_cluster(str(world.cluster.plane.admin), environ={}) as session:
        following = Following(session, registry, "meshtui")
        task = asyncio.create_task(following.run())
        try:
            (slices,) = [watch for watch in following.watches if "endpointslices" in watch.path]
            await asyncio.wait_for(slices.synced.wait(), 60)
            changes = [(pod, False) for pod in gone]
            while slices.state.streams < 4:
                await flip(world.sets, session, changes, 20)
                changes = [(pod, not ready) for pod, ready in changes]
            await flip(world.sets, session, [(pod, False) for pod in gone], 0)
            locator = Locator(following.snapshot, "cluster.local")

            def known(number: int) -> set[str]:
                endpoints = locator.resolve(Target(f"set-{number}", namespace, "80")).endpoints
                return {each.peer.pod for each in endpoints.values()}

            async with asyncio.timeout(60):
                while any(known(number) != set(pods) - set(gone) for number, pods in world.sets.pods.items()):
                    await asyncio.sleep(0.1)
            assert slices.state.lists == 1
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await flip(world.sets, session, [(pod, True) for pod in gone], 0)


def test_a_network_that_flaps_and_is_slow(world: World) -> None:
    gone = world.some(1)
    failures = world.metric("meshtui_watch_failures_total", "endpointslices")
    world.way.delay = 0.05
    world.way.flap(up=0.7, down=0.3)
    ready = True
    end = time.monotonic() + 60
    while ready or world.metric("meshtui_watch_failures_total", "endpointslices") < failures + 3:
        assert time.monotonic() < end, "the way has not flapped three times"
        ready = not ready
        world.flip(gone, ready=ready)
    world.way.mend()
    world.agrees(without=gone)
    world.flip(gone, ready=True)
    world.agrees()


def test_what_happens_while_the_control_plane_is_away(world: World) -> None:
    gone = world.some(3)
    world.mesh.end(kill=True)
    world.flip(gone, ready=False)
    world.agrees()  # they go on with what they know
    world.mesh.start()
    world.agrees(without=gone)
    world.flip(gone, ready=True)
    world.agrees()


def test_its_memory_stays_bounded(world: World) -> None:
    assert world.mesh.process is not None
    rollup = Path(f"/proc/{world.mesh.process.pid}/smaps_rollup")
    assert read_rollup(rollup.read_text()).private / 1024 < PRIVATE_MIB
