"""The mesh of a cluster, for screens: the same questions as a local mesh's, and logs as kubectl has them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Any, cast

from meshcore.client import control
from meshcore.client.channel import Session
from meshcore.client.failure import ClientError
from meshcore.client.inventory import pods
from meshcore.wire.control_pb2 import CheckResponse, StatusResponse
from meshtui.model.scope import Scope, Trouble
from meshtui.sources.kubeconfig import Kubeconfig, open_kube, open_mesh
from meshtui.sources.log import cut, ended
from meshtui.sources.mesh import Answers, LiveMesh, owners

if TYPE_CHECKING:
    from meshcore.kube.session import Session as Cluster

TAIL = 500  # lines of a pod's log to begin with
TOGETHER = 10  # pods whose logs are followed at once
LOG_IDLE_S = 3600.0
PROXY = "meshtui-proxy"


class ClusterMesh(LiveMesh):
    """A mesh behind an API server. `namespace` is where somebody who may not look everywhere looks."""

    def __init__(self, where: Kubeconfig, name: str, namespace: str = "") -> None:
        super().__init__(name)
        self.where = where
        self.namespace = namespace

    def alive(self) -> bool:
        """A cluster does not end with its control plane."""
        return True

    def status(self) -> Answers[StatusResponse]:
        return self._follow(lambda session: control.watch_status(session, narrowed=self._narrowed))

    def _narrowed(self, namespace: str) -> None:
        self.only = namespace

    async def enter(self, stack: AsyncExitStack) -> Session:
        return await stack.enter_async_context(open_mesh(self.where, self.namespace, interactive=False))

    async def check(self) -> Answers[CheckResponse]:
        """Yield what `meshtui check --proxy` shows."""
        from meshtui.sources.checks.gather import gather
        from meshtui.sources.checks.rooms import PROXY, categories

        try:
            async with open_kube(self.where, interactive=False) as cluster:
                facts = await gather(cluster, PROXY, namespace=self.namespace)
                yield CheckResponse(categories=categories(facts, PROXY))
        except ClientError as error:
            yield Trouble(str(error), error.hint, error.lost)

    async def log(self, scope: Scope, *, proxy: bool = False) -> Answers[list[str]]:
        try:
            session = await self.session()
            found = (await pods(session, owners(scope))).pods
            names = [(pod.status.namespace, pod.status.pod) for pod in found if not proxy or pod.meshed]
            if not names:
                yield Trouble(f"no pod of {scope.name or scope.namespace} has a log", "")
                return
            async with open_kube(self.where, interactive=False) as cluster:
                lines = _together(cluster, names[:TOGETHER], proxy=proxy)
                async with aclosing(cast("Any", lines)) as several:
                    async for some in several:
                        yield some
        except ClientError as error:
            yield Trouble(str(error), error.hint, error.lost)


async def _together(
    cluster: "Cluster", names: list[tuple[str, str]], *, proxy: bool
) -> AsyncIterator[list[str] | Trouble]:
    """Yield the lines of several pods as they come, each with its pod before it where there is more than one."""
    queue: asyncio.Queue[list[str] | Trouble | None] = asyncio.Queue(100)

    async def follow(namespace: str, pod: str) -> None:
        before = f"{pod}  " if len(names) > 1 else ""
        try:
            async with aclosing(cast("Any", _lines(cluster, namespace, pod, proxy=proxy))) as pieces:
                async for lines in pieces:
                    await queue.put([before + line for line in lines])
        except Exception as error:  # noqa: BLE001 - one pod's log is no reason to lose the others'
            await queue.put(Trouble(f"{pod}: {error}", getattr(error, "hint", "")))
        await queue.put(None)

    tasks = [asyncio.create_task(follow(*name)) for name in names]
    try:
        left = len(tasks)
        while left:
            lines = await queue.get()
            if lines is None:
                left -= 1
            else:
                yield lines
    finally:
        await ended(tasks)


async def _lines(cluster: "Cluster", namespace: str, pod: str, *, proxy: bool) -> AsyncIterator[list[str]]:
    from meshcore.kube.objects import PODS

    container = PROXY if proxy else await _container(cluster, namespace, pod)
    query: dict[str, str | int] = {"follow": "true", "tailLines": TAIL, "container": container}
    path = PODS.path(namespace, pod, "log")
    rest = b""
    async with cluster.stream(path, query, accept="*/*", idle=LOG_IDLE_S) as chunks:
        async for chunk in chunks:
            lines, rest = cut(rest, chunk)
            if lines:
                yield lines
    if rest:
        yield [rest.decode("utf-8", "replace")]


async def _container(cluster: "Cluster", namespace: str, pod: str) -> str:
    """Return the container whose log is meant: the one that kubectl would take, never the sidecar."""
    from meshcore.kube.objects import PODS, annotations_of

    found = await cluster.get(PODS.path(namespace, pod))
    default = annotations_of(found).get("kubectl.kubernetes.io/default-container")
    names = [each["name"] for each in (found.get("spec") or {}).get("containers") or () if each["name"] != PROXY]
    return default or next(iter(names), "")
