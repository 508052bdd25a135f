"""A mesh in a cluster, reached as kubectl reaches it: a kubeconfig, a context, and perhaps somebody else's name.

Opens sessions through the API server; failures of that become the client's own, so that a screen shows both alike.
Everything heavy is imported when a cluster is asked.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from meshcore.client.api import Fetch
from meshcore.client.channel import Session, open_api, open_session
from meshcore.client.failure import ClientError
from meshcore.wire import observe

if TYPE_CHECKING:
    from meshcore.kube.failure import KubeError
    from meshcore.kube.session import Session as Cluster

HEAD_S = 10.0
IDLE_S = 12.0  # a stream without answers says every 5 s that it lives
NO_MESH = ("unimplemented", "not_found")
SCOPED = "mesh.meshtui.dev/scope=namespace"
PEOPLE_PORT = 8087


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """Which cluster, as whom. What is empty is as the kubeconfig says."""

    file: str = ""
    context: str = ""
    user: str = ""
    groups: tuple[str, ...] = ()
    uid: str = ""

    @property
    def given(self) -> bool:
        """Tell whether anything was said."""
        return self != Kubeconfig()

    def __str__(self) -> str:
        return self.context or "kubernetes"


def present() -> bool:
    """Tell whether there is a kubeconfig at all, without reading it."""
    listed = [each for each in os.environ.get("KUBECONFIG", "").split(os.pathsep) if each]
    places = listed or [str(Path(os.environ.get("HOME") or Path.home()) / ".kube" / "config")]
    return any(Path(each).expanduser().exists() for each in places)


@asynccontextmanager
async def open_kube(where: Kubeconfig, *, interactive: bool = True) -> AsyncIterator["Cluster"]:
    """Open a session to the API server; raises ClientError.

    `interactive`: the terminal is not a screen's, so a plugin that logs in may use it.
    """
    from meshcore.kube.failure import KubeError
    from meshcore.kube.session import open_cluster

    try:
        async with open_cluster(
            where.file or None,
            where.context or None,
            where.user or None,
            where.groups,
            as_uid=where.uid or None,
            in_cluster=False,
            interactive=interactive,
        ) as cluster:
            yield cluster
    except KubeError as error:
        raise failure(error) from None


async def context_of(where: Kubeconfig) -> str:
    """Return the name of the context that is meant, without asking its cluster anything; raises ClientError."""
    async with open_kube(where) as cluster:
        return cluster.cluster.context


@asynccontextmanager
async def open_mesh(where: Kubeconfig, namespace: str = "", *, interactive: bool = True) -> AsyncIterator[Session]:
    """Open a session to the mesh of a cluster, or to one of a namespace alone; raises ClientError.

    `namespace` is where somebody who may not look everywhere looks; empty: the context's.
    """
    async with open_kube(where, interactive=interactive) as cluster:
        await cluster.log_in()  # not timed, as what follows is: a plugin may ask a person
        space = namespace or cluster.namespace or "default"
        try:
            session = await open_api(fetching(cluster), cluster.where, namespace=space)
        except ClientError as error:
            pod = await scoped_pod(cluster, space) if error.code in NO_MESH else ""
            if not pod:
                raise
        else:
            yield session
            return
        async with forwarded(cluster, space, pod) as session:
            yield session


async def installed(where: Kubeconfig, within: float, *, patient: bool = False) -> bool:
    """Tell whether a cluster has the mesh's API, or the context's namespace a mesh of its own.

    `patient`: what gives the credentials takes its own time, for it may ask a person. Raises ClientError where the
    cluster does not answer in time.
    """
    try:
        async with asyncio.timeout(None if patient else within), open_kube(where) as cluster:
            await cluster.log_in()
            async with asyncio.timeout(within):
                return await _has_mesh(cluster, within)
    except TimeoutError:
        line = "the kubeconfig's cluster does not answer"
        raise ClientError(line, "`kubectl get --raw /readyz` asks it the same way", code="unavailable") from None


async def _has_mesh(cluster: "Cluster", within: float) -> bool:
    try:
        await _greet(cluster, within)
    except ClientError as error:
        if error.code in NO_MESH:
            return bool(await scoped_pod(cluster, cluster.namespace or "default"))
        if error.code == "unavailable" and observe.GROUP in error.message:
            return True  # it is, and its control plane is away
        raise
    return True


async def _greet(cluster: "Cluster", within: float) -> None:
    from meshcore.kube.failure import KubeError

    try:
        await cluster.get(observe.ROOT, within=within)
    except KubeError as error:
        raise failure(error) from None


async def scoped_pod(cluster: "Cluster", namespace: str) -> str:
    """Return the pod of a control plane that is this namespace's alone; empty: there is none, or none to be seen."""
    from meshcore.kube.failure import KubeError
    from meshcore.kube.objects import PODS, key_of

    try:
        found = await cluster.list(PODS.path(namespace), labels=SCOPED)
    except KubeError:
        return ""
    running = [each for each in found.items if (each.get("status") or {}).get("phase") == "Running"]
    return key_of(running[0])[1] if running else ""


@asynccontextmanager
async def forwarded(cluster: "Cluster", namespace: str, pod: str) -> AsyncIterator[Session]:
    """Open a session to a control plane of one namespace, over a port of its pod; raises ClientError."""
    from meshcore.kube.failure import KubeError
    from meshcore.kube.forward import forward

    try:
        async with forward(cluster, namespace, pod, PEOPLE_PORT) as path, open_session(path) as session:
            yield session
    except KubeError as error:
        raise failure(error) from None


def fetching(cluster: "Cluster") -> Fetch:
    """Return what asks an API server on behalf of client/api."""
    from meshcore.kube.failure import KubeError

    @asynccontextmanager
    async def fetch(path: str, accept: str) -> AsyncIterator[AsyncIterator[bytes]]:
        try:
            async with cluster.stream(path, accept=accept, within=HEAD_S, idle=IDLE_S) as chunks:
                yield chunks
        except KubeError as error:
            raise failure(error) from None

    return fetch


def failure(error: "KubeError") -> ClientError:
    """Return the same failure in the client's words."""
    return ClientError(error.message, error.hint, code=error.code, lost=error.lost)
