"""A mesh of which a part is missing, or that is of another version: a clear line each, and screens go on with the rest.

Each is a real mesh with something taken away, which comes back while the screens are open.
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from meshcore.wire import version
from meshcore.wire.version import OLDEST, PROTOCOL, VERSION
from meshtui.app import MeshApp
from meshtui.sources.cluster import ClusterMesh
from meshtui.sources.kubeconfig import Kubeconfig
from tests.cluster.api.test_mesh import deployment, pods_of
from tests.cluster.api.test_outage import Screen, well
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.folder import kept_if_failed
from tests.cluster.support.mesh import NAMESPACE, OBSERVE, Mesh
from tests.cluster.support.mesh import mesh as running
from tests.cluster.support.people import meshtui_as
from tests.cluster.support.wait import until

WAIT_S = 90.0
MISSING = ("ratelimits.mesh.meshtui.dev", "serviceprofiles.mesh.meshtui.dev")


class World(NamedTuple):
    """A mesh that is well, and a namespace with a workload."""

    cluster: Cluster
    mesh: Mesh
    namespace: str

    @property
    def admin(self) -> Path:
        return self.cluster.plane.admin

    def stat(self, speaks: tuple[int, int] = (PROTOCOL, OLDEST)) -> subprocess.CompletedProcess[str]:
        return meshtui_as(
            speaks,
            "stat",
            "deploy",
            "-n",
            self.namespace,
            "--unmeshed",
            "--kubeconfig",
            str(self.admin),
            kubeconfig=self.admin,
        )

    def refused(self, speaks: tuple[int, int] = (PROTOCOL, OLDEST)) -> str:
        """Return the one line in which the command line says why there is no answer; empty: there is one."""
        done = self.stat(speaks)
        if done.returncode == 0:
            return ""
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
        return done.stderr


async def told(world: World, *words: str, speaks: tuple[int, int] = (PROTOCOL, OLDEST)) -> None:
    """Wait until the command line says so in one line; without words, until it has an answer."""

    def said() -> bool:
        line = world.refused(speaks)
        return all(word in line for word in words) if words else not line

    await asyncio.to_thread(until, said, WAIT_S, f"{words or 'an answer'}", 0.5)


@pytest.fixture(scope="module")
def world(
    cluster: Cluster, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    with (
        kept_if_failed(request.session, tmp_path_factory.mktemp("partial")) as folder,
        cluster.namespace() as namespace,
        running(cluster, folder) as mesh,
    ):
        cluster.apply(deployment("web"), namespace=namespace)
        pods_of(cluster, namespace, 1)
        yield World(cluster, mesh, namespace)


@asynccontextmanager
async def screen(world: World) -> AsyncIterator[Screen]:
    mesh = ClusterMesh(Kubeconfig(file=str(world.admin)), "test", world.namespace)
    app = MeshApp(mesh, theme="mesh-dark", namespace=world.namespace)
    async with app.run_test(size=(200, 60)) as pilot:
        yield Screen(app, pilot)


async def usable(shown: Screen, *words: str) -> None:
    """What asks the API server goes on, and says what is wrong; so do help, and what was known."""
    await shown.command("check")
    await shown.until(lambda text: all(word in text for word in ("kubernetes-api", *words)), "check")
    await shown.pilot.press("question_mark")
    await shown.until(lambda text: "help" in text, "help")
    await shown.pilot.press("escape", "escape")
    await shown.command("overview")


async def test_a_mesh_without_some_of_its_kinds_is_looked_at_as_any(world: World) -> None:
    """Somebody installed it by hand and left definitions out."""
    definitions = [each for each in world.mesh.objects() if each["metadata"]["name"] in MISSING]
    async with screen(world) as shown:
        await shown.until(well, "the overview")
        gone = ["delete", "crd", *MISSING, "--timeout=200s"]
        await asyncio.to_thread(world.cluster.kubectl, *gone, seconds=220)
        try:
            await told(world)
            await usable(shown, "kinds are defined", "ratelimits", "meshtui upgrade")
            await shown.until(well, "the overview")
        finally:
            await asyncio.to_thread(world.cluster.apply, *definitions)


async def test_an_api_without_the_service_behind_it(world: World) -> None:
    """Screens that are open go on over the way that they have; those that are opened now say what is wrong."""
    objects = [each for each in world.mesh.objects() if each["metadata"]["name"] == "meshtui-observe"]
    await asyncio.to_thread(world.cluster.kubectl, "delete", "service", "meshtui-observe", "-n", NAMESPACE)
    try:
        await told(world, "cannot reach what answers observe.meshtui.dev", "`meshtui check` looks at the control plane")
        async with screen(world) as shown:
            await shown.until(lambda text: "control plane lost" in text, "a banner")
            await usable(shown, "meshtui-observe", "×")
            await asyncio.to_thread(world.cluster.apply, *objects, namespace=NAMESPACE)
            await shown.until(well, "the mesh")
    finally:
        await asyncio.to_thread(world.cluster.apply, *objects, namespace=NAMESPACE)
        await asyncio.to_thread(until, world.mesh.is_reached, WAIT_S, "the API")


async def test_a_mesh_whose_api_was_never_registered(world: World) -> None:
    (registered,) = (each for each in world.mesh.objects() if each["metadata"]["name"] == OBSERVE)
    await asyncio.to_thread(world.cluster.kubectl, "delete", "apiservice", OBSERVE)
    try:
        await told(world, "has no observe.meshtui.dev/v1alpha1", "`meshtui check` says what is missing")
        async with screen(world) as shown:
            await usable(shown, OBSERVE, "meshtui upgrade")
            await asyncio.to_thread(world.cluster.apply, registered)
            await asyncio.to_thread(until, world.mesh.is_reached, WAIT_S, "the API")
            await shown.until(well, "the mesh")
    finally:
        await asyncio.to_thread(world.cluster.apply, registered)
        await asyncio.to_thread(until, world.mesh.is_reached, WAIT_S, "the API")


@pytest.mark.parametrize("newer", [1, 2])
async def test_a_control_plane_that_is_older(world: World, newer: int, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = PROTOCOL + newer
    line = f"this meshtui (0.{mine}.0) is newer than the control plane ({VERSION})"
    step = f"wire protocol {mine} against {PROTOCOL}; upgrade the mesh, or use meshtui {VERSION}"
    await told(world, line, step, speaks=(mine, mine - 1))
    monkeypatch.setattr(version, "PROTOCOL", mine)
    async with screen(world) as shown:
        await shown.until(lambda text: "is newer than the control plane" in text, "a line")
        await usable(shown, "is newer than the control plane", "upgrade the mesh")
        await asyncio.to_thread(speaking, world.mesh, (mine, PROTOCOL))
        try:
            await shown.until(well, "the mesh, which was upgraded")
        finally:
            await asyncio.to_thread(speaking, world.mesh, None)


def speaking(mesh: Mesh, speaks: tuple[int, int] | None) -> None:
    mesh.end()
    mesh.speaks = speaks
    mesh.start()


async def test_a_control_plane_that_is_newer(world: World) -> None:
    """One version is nothing to speak of; from one that no longer speaks ours, a line says what to do."""
    await asyncio.to_thread(speaking, world.mesh, (PROTOCOL + 1, PROTOCOL))
    try:
        await told(world)
        await asyncio.to_thread(speaking, world.mesh, (PROTOCOL + 2, PROTOCOL + 1))
        line = f"this meshtui ({VERSION}) is too old for the control plane (0.{PROTOCOL + 2}.0)"
        await told(world, line, "upgrade meshtui")
        async with screen(world) as shown:
            await usable(shown, "is too old for the control plane")
            await asyncio.to_thread(speaking, world.mesh, (PROTOCOL + 1, PROTOCOL))
            await shown.until(well, "the mesh")
    finally:
        await asyncio.to_thread(speaking, world.mesh, None)
