"""An API server that is away, slow, silent or flapping, for people: one line each, and screens that come back."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from textual.pilot import Pilot

from meshtui.app import MeshApp
from meshtui.sources.cluster import ClusterMesh
from meshtui.sources.kubeconfig import Kubeconfig
from tests.cluster.api.test_mesh import deployment, pods_of
from tests.cluster.api.test_people import meshtui
from tests.cluster.support.cluster import Cluster
from tests.cluster.support.folder import kept_if_failed
from tests.cluster.support.mesh import Mesh
from tests.cluster.support.mesh import mesh as running
from tests.cluster.support.relay import Relay, relay
from tests.cluster.support.wait import until
from tests.support.terminal import Terminal

LIMIT_S = 60.0


class World(NamedTuple):
    """A mesh that is well, a user of one namespace of it, and their way to the API server."""

    cluster: Cluster
    mesh: Mesh
    namespace: str
    way: Relay
    kubeconfig: Path
    behind: Relay  # the control plane's own way there


@pytest.fixture(scope="module")
def world(
    cluster: Cluster, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    with (
        kept_if_failed(request.session, tmp_path_factory.mktemp("outage")) as folder,
        cluster.namespace() as namespace,
        relay(cluster.plane.port) as way,
        relay(cluster.plane.port) as behind,
        running(cluster, folder, through=behind.url) as mesh,
    ):
        cluster.apply(deployment("web"), namespace=namespace)
        pods_of(cluster, namespace, 1)
        for role in ("meshtui-view", "meshtui-tap"):
            cluster.bind(role, "user:ann", namespace)
        ann = cluster.user("ann", namespace=namespace, cluster={"server": way.url})
        until(lambda: meshtui("stat", "deploy", "--unmeshed", kubeconfig=ann).returncode == 0, 30, "ann's rights")
        yield World(cluster, mesh, namespace, way, ann, behind)


@pytest.fixture(autouse=True)
def mended(world: World) -> Iterator[None]:
    yield
    world.way.mend()
    world.behind.mend()


def stat(world: World) -> tuple[int, str, str, float]:
    began = time.monotonic()
    done = meshtui("stat", "deploy", "--unmeshed", kubeconfig=world.kubeconfig)
    return done.returncode, done.stdout, done.stderr, time.monotonic() - began


@pytest.mark.parametrize(
    ("how", "line", "step"),
    [
        (Relay.cut, "the API server at https://127.0.0.1:", "`kubectl config view --minify` shows it"),
        (Relay.freeze, "the kubeconfig's cluster does not answer", "kubectl get --raw /readyz"),
    ],
)
def test_a_command_says_in_one_line_what_is_wrong(
    world: World, how: Callable[[Relay], None], line: str, step: str
) -> None:
    how(world.way)
    status, out, err, took = stat(world)
    assert (status, out) == (1, "")
    assert line in err
    assert step in err
    assert err.count("\n") == 1
    assert took < 30


def test_a_command_waits_for_an_api_server_that_is_slow(world: World) -> None:
    world.way.delay = 0.4
    status, out, err, _ = stat(world)
    assert status == 0, err
    assert "web" in out


def test_a_right_that_the_control_plane_cannot_look_up_is_no_refusal(world: World) -> None:
    cluster, raw = world.cluster, f"/apis/observe.meshtui.dev/v1alpha1/namespaces/{world.namespace}/stats"
    cluster.bind("meshtui-view", "user:eve", world.namespace)
    eve = cluster.user("eve", namespace=world.namespace)  # whom nobody has looked up yet
    world.behind.cut()
    done = meshtui("stat", "deploy", "--unmeshed", kubeconfig=eve)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "whether eve may get " in done.stderr
    assert "cannot be found out now" in done.stderr
    assert "ask again in a moment" in done.stderr
    said = cluster.kubectl("get", "--raw", f"{raw}?unmeshed=true", kubeconfig=eve, status=None)
    assert "(ServiceUnavailable): whether eve may" in said
    world.behind.mend()
    until(lambda: meshtui("stat", "deploy", "--unmeshed", kubeconfig=eve).returncode == 0, LIMIT_S, "eve's answer")


def test_a_command_with_credentials_that_expired(world: World) -> None:
    nobody = world.cluster.plane.kubeconfigs.for_token("nobody", "made.up.token")
    done = meshtui("stat", "deploy", kubeconfig=nobody)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "does not accept these credentials" in done.stderr
    assert "log in again" in done.stderr


async def test_the_control_plane_is_away_and_the_cluster_is_not(world: World) -> None:
    async with screen(world) as shown:
        await shown.until(well, "the overview")
        world.mesh.end(kill=True)
        status, out, err, _ = await asyncio.to_thread(stat, world)
        assert (status, out, err.count("\n")) == (1, "", 1)
        assert "cannot reach what answers observe.meshtui.dev" in err
        assert "`meshtui check` looks at the control plane" in err
        await shown.until(lost, "a banner")
        await shown.command("check")  # which asks the API server, and that answers
        await shown.until(lambda text: "kubernetes-api" in text and "×" in text, "what is wrong")
        await asyncio.to_thread(world.mesh.start)
        await shown.command("overview")
        await shown.until(well, "the mesh again")


class Screen(NamedTuple):
    """The terminal on the cluster, by pilot."""

    app: MeshApp
    pilot: Pilot[int]

    def text(self) -> str:
        return self.app.screen_text()

    async def until(self, what: Callable[[str], Any], why: str) -> float:
        """Wait until what is shown passes; returns how long that took."""
        began = time.monotonic()
        while not what(self.text()):
            assert time.monotonic() - began < LIMIT_S, f"{why}:\n{self.text()}"
            await self.pilot.pause(0.1)
        return time.monotonic() - began

    async def command(self, text: str) -> None:
        keys = {" ": "space", "/": "slash", "-": "minus"}
        await self.pilot.press("colon", *(keys.get(letter, letter) for letter in text), "enter")
        await self.pilot.pause()


@asynccontextmanager
async def screen(world: World) -> AsyncIterator[Screen]:
    mesh = ClusterMesh(Kubeconfig(file=str(world.kubeconfig)), "test", world.namespace)
    app = MeshApp(mesh, theme="mesh-dark", namespace=world.namespace)
    async with app.run_test(size=(160, 40)) as pilot:
        yield Screen(app, pilot)


def lost(text: str) -> bool:
    return "control plane lost" in text


def well(text: str) -> bool:
    return "web" in text and not lost(text)


@pytest.mark.parametrize("how", [Relay.cut, Relay.freeze])
async def test_screens_stay_usable_without_an_api_server_and_come_back_with_it(
    world: World, how: Callable[[Relay], None]
) -> None:
    async with screen(world) as shown:
        await shown.until(well, "the overview of a mesh that is well")
        how(world.way)
        took = await shown.until(lost, "a banner")
        assert took < 30
        assert "web" in shown.text()  # what was known stays
        await shown.command("pods")  # what nobody answers is said where rows would be
        await shown.until(lambda text: "pods" in text and lost(text), "another screen")
        await shown.pilot.press("question_mark")
        await shown.until(lambda text: "help" in text, "help")
        await shown.pilot.press("escape", "escape")
        world.way.mend()
        await shown.until(well, "the mesh again")


async def test_screens_open_while_the_api_server_is_away(world: World) -> None:
    world.way.cut()
    async with screen(world) as shown:
        await shown.until(lost, "a banner")
        world.way.mend()
        await shown.until(well, "the mesh")


def test_the_terminal_opens_on_a_cluster_that_does_not_answer(world: World, tmp_path: Path) -> None:
    world.way.freeze()
    terminal = Terminal(tmp_path, dict(os.environ))
    try:
        terminal.line(f"{sys.executable} -m meshtui --kubeconfig {world.kubeconfig} -n {world.namespace}")
        assert terminal.shows("control plane lost", within=LIMIT_S), terminal.screen
        world.way.mend()
        assert terminal.shows("web", "√ control plane", within=LIMIT_S), terminal.screen
    finally:
        terminal.close()


async def test_screens_over_a_network_that_flaps(world: World) -> None:
    world.way.delay = 0.05
    async with screen(world) as shown:
        await shown.until(well, "the overview")
        world.way.flap(up=1.5, down=0.5)
        await shown.until(lost, "a banner")
        for word in ("pods", "edges", "overview"):
            await shown.command(word)
            await shown.until(lambda text, word=word: word[:4] in text.lower(), word)
        world.way.mend()
        await shown.until(well, "the mesh")


async def test_credentials_that_expire_and_are_renewed(world: World) -> None:
    """The account goes while the screen is open; then somebody logs in again, and the kubeconfig has another token."""
    cluster, namespace = world.cluster, world.namespace
    way = {"server": world.way.url}
    file = cluster.account(namespace, "bob", cluster=way)
    cluster.bind("meshtui-view", f"account:{namespace}:bob", namespace)
    async with screen(world._replace(kubeconfig=file)) as shown:
        await shown.until(well, "the overview")
        cluster.core.delete_namespaced_service_account("bob", namespace)

        def refused(text: str) -> bool:
            world.way.cut()  # the API server remembers for some seconds whom it knew
            world.way.mend()
            return "does not accept these credentials" in text

        await shown.until(refused, "a line about credentials")
        await shown.until(lambda text: "log in again" in text, "the next step")
        assert "web" in shown.text()
        file.write_text(cluster.account(namespace, "bob", cluster=way).read_text())
        await shown.until(lambda text: well(text) and "does not accept" not in text, "the mesh again")
