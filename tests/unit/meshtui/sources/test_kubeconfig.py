"""A cluster is asked whether the mesh is there: it has its time, and whoever gives the credentials their own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from meshcore.client.failure import ClientError
from meshtui.sources import kubeconfig
from meshtui.sources.kubeconfig import Kubeconfig, installed

WITHIN_S = 0.02


class Cluster:
    """One that takes some time to say who asks, and some to answer."""

    def __init__(self, log_in: float, answer: float) -> None:
        self._log_in, self._answer = log_in, answer

    async def log_in(self) -> None:
        await asyncio.sleep(self._log_in)

    async def get(self, path: str, *, within: float) -> dict[str, str]:
        await asyncio.sleep(self._answer)
        return {}


def reach(monkeypatch: pytest.MonkeyPatch, cluster: Cluster) -> None:
    @asynccontextmanager
    async def open_kube(_: Kubeconfig) -> AsyncIterator[Cluster]:
        yield cluster

    monkeypatch.setattr(kubeconfig, "open_kube", open_kube)


async def test_a_plugin_that_asks_a_person_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    reach(monkeypatch, Cluster(log_in=4 * WITHIN_S, answer=0))
    assert await installed(Kubeconfig(), WITHIN_S, patient=True)


async def test_beside_a_mesh_of_this_machine_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    reach(monkeypatch, Cluster(log_in=60, answer=0))
    with pytest.raises(ClientError, match="does not answer"):
        await installed(Kubeconfig(), WITHIN_S)


async def test_the_cluster_itself_has_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    reach(monkeypatch, Cluster(log_in=0, answer=60))
    with pytest.raises(ClientError, match="does not answer"):
        await installed(Kubeconfig(), WITHIN_S, patient=True)
