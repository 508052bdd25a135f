"""A watch against a real API server: compaction, restarts, bookmarks, large events, APIs that come and go."""

import asyncio
import base64
import json
import os
import signal
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from meshcore.kube import watch as watching
from meshcore.kube.failure import TIMEOUT, KubeError
from meshcore.kube.objects import CONFIG_MAPS, FAULT_INJECTIONS, MESH_GROUP, Object
from meshcore.kube.session import Session, open_cluster
from meshcore.kube.watch import Watch
from tests.cluster.support.cluster import Cluster
from tests.support.wait import until


def data(each: Object) -> Any:
    return each.get("data")


def put(cluster: Cluster, namespace: str, name: str, **fields: str) -> None:
    cluster.apply(CONFIG_MAPS.new(name, namespace, data=fields), namespace=namespace)


def drop(cluster: Cluster, namespace: str, name: str) -> None:
    cluster.request("DELETE", CONFIG_MAPS.path(namespace, name))


def compact(cluster: Cluster) -> None:
    """Let etcd forget all history."""
    etcd = f"http://127.0.0.1:{cluster.plane.etcd_port}/v3/kv"

    def ask(what: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(f"{etcd}/{what}", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    revision = ask("range", {"key": base64.b64encode(b"/").decode()})["header"]["revision"]
    ask("compaction", {"revision": revision, "physical": True})


class Gate:
    """Waits that pass at once, unless it is shut."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, seconds: float) -> None:
        await asyncio.sleep(0.05)
        await self.open.wait()


@pytest.fixture
async def session(cluster: Cluster) -> AsyncIterator[Session]:
    async with open_cluster(str(cluster.plane.admin), environ={}) as opened:
        yield opened


@asynccontextmanager
async def running(session: Session, path: str, **options: Any) -> AsyncIterator[tuple[Watch[Any], list[Any]]]:
    told: list[Any] = []
    watch: Watch[Any] = Watch(session, path, options.pop("strip", data), **options)
    watch.on_change(lambda change: told.append((change[0], change[1][1], change[3])))
    task = asyncio.create_task(watch.run())
    try:
        async with asyncio.timeout(30):
            await watch.synced.wait()
        yield watch, told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_changes_are_told_as_they_happen(cluster: Cluster, namespace: str, session: Session) -> None:
    put(cluster, namespace, "a", x="1")
    async with running(session, CONFIG_MAPS.path(namespace), fields="metadata.name!=kube-root-ca.crt") as (watch, told):
        assert told == [("added", "a", {"x": "1"})]
        await until(lambda: watch.state.streams)
        put(cluster, namespace, "b", x="2")
        put(cluster, namespace, "a", x="3")
        cluster.kubectl("annotate", "configmap", "a", "seen=1", "-n", namespace)
        drop(cluster, namespace, "b")
        await until(lambda: len(told) == 4)
        assert told[1:] == [("added", "b", {"x": "2"}), ("changed", "a", {"x": "3"}), ("deleted", "b", None)]
        assert watch.state.events == 4  # the annotation came, and was no change
        assert watch.state.lists == 1


async def test_an_event_as_large_as_etcd_takes(cluster: Cluster, namespace: str, session: Session) -> None:
    async with running(session, CONFIG_MAPS.path(namespace), fields="metadata.name=big") as (watch, told):
        await until(lambda: watch.state.streams)
        large = "x" * 1_000_000
        await session.create(CONFIG_MAPS.path(namespace), CONFIG_MAPS.new("big", namespace, data={"x": large}))
        await until(lambda: told)
        assert told == [("added", "big", {"x": large})]


async def test_what_happened_while_history_was_lost(cluster: Cluster, namespace: str, session: Session) -> None:
    """The API server is away, objects come and go, etcd forgets: what went is told as deleted."""
    gate = Gate()
    for name in ("keeps", "changes", "goes"):
        put(cluster, namespace, name, x="1")
    async with running(session, CONFIG_MAPS.path(namespace), sleep=gate) as (watch, told):
        await until(lambda: watch.state.streams)
        gate.open.clear()
        cluster.plane.end_api_server()
        await until(lambda: watch.state.failure is not None)
        cluster.plane.start_api_server()  # in this thread: the server ends with it
        drop(cluster, namespace, "goes")
        put(cluster, namespace, "changes", x="2")
        put(cluster, namespace, "comes", x="3")
        compact(cluster)
        cluster.plane.end_api_server()  # it would remember
        cluster.plane.start_api_server()  # in this thread: the server ends with it
        told.clear()
        gate.open.set()
        await until(lambda: watch.state.relists)
        await until(lambda: watch.state.lists == 2 and watch.state.failure is None)
        expected = [("changed", "changes", {"x": "2"}), ("added", "comes", {"x": "3"}), ("deleted", "goes", None)]
        assert sorted(told, key=lambda each: each[1]) == expected
        await until(lambda: watch.state.streams >= 2)
        put(cluster, namespace, "later", x="4")
        await until(lambda: told[-1] == ("added", "later", {"x": "4"}))


async def test_a_server_that_hangs_is_noticed_and_found_again(
    cluster: Cluster, namespace: str, session: Session
) -> None:
    """Its connections stay open and say nothing, as those to a machine that froze."""
    path = CONFIG_MAPS.path(namespace)
    async with running(session, path, sleep=Gate(), idle=2.0) as (watch, told):
        await until(lambda: watch.state.streams)
        pid = cluster.plane.processes.pid("kube-apiserver")
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(KubeError, match="did not answer in time") as caught:
                await session.get(path, within=1.0)
            assert (caught.value.code, caught.value.lost) == (TIMEOUT, True)
            await until(lambda: watch.state.failure is not None)
        finally:
            os.kill(pid, signal.SIGCONT)
        put(cluster, namespace, "after", x="1")
        await until(lambda: ("added", "after", {"x": "1"}) in told)
        assert watch.state.lists == 1


async def test_the_servers_own_end_of_a_stream_is_taken_up_by_its_bookmark(
    cluster: Cluster, namespace: str, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "WATCH_S", 3)
    async with running(session, CONFIG_MAPS.path(namespace), chance=lambda: 0.0) as (watch, _told):
        await until(lambda: watch.state.streams == 1)
        began = watch._version
        put(cluster, "default", "elsewhere", x="1")  # the version grows, though nothing happens here
        await until(lambda: watch.state.streams == 3)
        assert int(watch._version) > int(began)
        assert (watch.state.lists, watch.state.failures) == (1, 0)
    drop(cluster, "default", "elsewhere")


async def test_a_watch_without_rights_begins_when_they_are_given(cluster: Cluster, namespace: str) -> None:
    async with open_cluster(str(cluster.account(namespace, "late")), environ={}) as session:
        watch: Watch[Any] = Watch(session, CONFIG_MAPS.path(namespace), data, sleep=Gate())
        task = asyncio.create_task(watch.run())
        try:
            await until(lambda: watch.state.failure is not None)
            assert watch.state.failure is not None
            assert 'cannot list resource "configmaps"' in watch.state.failure.message
            assert not watch.synced.is_set()
            cluster.bind("view", f"account:{namespace}:late", namespace)
            await until(watch.synced.is_set)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_kind_that_is_installed_later(
    cluster: Cluster, session: Session, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = FAULT_INJECTIONS
    if f"{kind.plural}.{MESH_GROUP}" in cluster.kubectl("get", "crds", "-o", "name"):
        pytest.fail("another test of this tier installs our kinds: this one must use a group of its own")
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "names": {"plural": kind.plural, "kind": kind.kind},
            "scope": "Namespaced",
            "versions": [
                {"name": kind.version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
            ],
        },
    }
    async with running(session, kind.path(), strip=lambda each: each["spec"], optional=True, sleep=Gate()) as (w, told):
        assert w.state.failure is None
        cluster.apply(definition)
        try:
            await until(lambda: w.state.streams)
            cluster.apply(kind.new("slow", namespace, spec={"delay": "1s"}), namespace=namespace)
            await until(lambda: told)
            assert told == [("added", "slow", {"delay": "1s"})]
        finally:
            cluster.kubectl("delete", "crd", f"{kind.plural}.{kind.group}")
        await until(lambda: told[-1][0] == "deleted")


async def test_five_hundred_objects_in_pages(
    cluster: Cluster, namespace: str, session: Session, tmp_path: Path
) -> None:
    many = (session.create(CONFIG_MAPS.path(namespace), CONFIG_MAPS.new(f"c{n}", namespace)) for n in range(500))
    await asyncio.gather(*many)
    async with running(session, CONFIG_MAPS.path(namespace), page=100) as (watch, told):
        assert len(watch.store) >= 500
        assert len(told) == len(watch.store)
