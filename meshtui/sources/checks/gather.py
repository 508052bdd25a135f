"""Asks a cluster for what the checks look at: its API server, and through it the mesh's control plane.

Several questions at a time, each once. A question that fails is an answer, too: the judges say what it means.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TypeVar

from meshcore.client import control, inventory
from meshcore.client.channel import Session as Mesh
from meshcore.client.channel import open_api
from meshcore.client.failure import ClientError
from meshcore.inject.names import COMPONENT
from meshcore.kube.act import Act
from meshcore.kube.authority import LABELS
from meshcore.kube.failure import NO_SUCH_API, NOT_FOUND, KubeError
from meshcore.kube.needs import OBSERVE
from meshcore.kube.objects import API_SERVICES, DEPLOYMENTS, OBSERVE_GROUP, PODS, Kind, Object, labels_of
from meshcore.kube.parts import WORKLOADS, strangers
from meshcore.kube.review import Reviews, Verdict, review
from meshcore.kube.session import Session
from meshcore.kube.version import PATH as VERSION
from meshcore.wire import observe
from meshcore.wire.common_pb2 import Resource
from meshcore.wire.control_pb2 import CheckCategory, HelloResponse
from meshcore.wire.discovery_pb2 import Pod
from meshtui.sources.checks import doors, existence, plane, setup, trust
from meshtui.sources.checks.facts import ACCOUNT, NAMESPACE, NOTHING, Facts, Place, Seen
from meshtui.sources.checks.rooms import PRE, PROXY
from meshtui.sources.kubeconfig import NO_MESH, SCOPED, fetching, forwarded, scoped_pod

AT_ONCE = 8
SELF = Kind("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", namespaced=False)

Value = TypeVar("Value")


async def gather(
    cluster: Session, mode: str, mesh: str = "", namespace: str = "", *, namespaced: bool = False
) -> Facts:
    """Return the facts; never raises.

    `mesh` is the control plane's namespace, found out where it is empty. Before an install, `namespaced` says that it
    is to be of that namespace alone; afterwards that is found out, too.
    """
    few = asyncio.Semaphore(AT_ONCE)

    async def one(place: Place) -> Seen[Object]:
        kind, space, name = place
        async with few:
            return await _seen(
                cluster.get(kind.path(space or None, name)), str(Act("get", kind.group, kind.plural, space, name))
            )

    me, version = await asyncio.gather(
        _seen(cluster.create(SELF.path(), review(SELF, {})), "create selfsubjectreviews"),
        _seen(cluster.get(VERSION), "get /version"),
    )
    now = datetime.now(UTC)
    where = cluster.where
    if version.failure is not None or me.failure is not None:
        return Facts(where=where, now=now, mesh=mesh or NAMESPACE, me=me, version=version)
    if mode == PRE:
        mesh = mesh or NAMESPACE
        places = setup.places(mesh, scoped=namespaced)
        found = dict(zip(places, await asyncio.gather(*map(one, places)), strict=True))
        verdicts = await _seen(_verdicts(cluster, mesh, namespaced), "create selfsubjectaccessreviews")
        others = NOTHING if namespaced else await _seen(_others(cluster, mesh), str(Act("list", "", "pods", mesh)))
        return Facts(
            where=where, now=now, mesh=mesh, scoped=namespaced, me=me, version=version,
            objects=found, verdicts=verdicts, others=others,
        )  # fmt: skip
    async with AsyncExitStack() as stack:
        scoped, session = await _met(cluster, mesh, namespace, stack)
        if scoped:
            mesh = namespace = scoped
        mesh = mesh or await _home(cluster, session.value)
        beyond = [] if scoped else doors.places()
        places = [*existence.places(mesh, scoped=bool(scoped)), *trust.places(mesh), *beyond, *plane.places(mesh)]
        found = dict(zip(places, await asyncio.gather(*map(one, places)), strict=True))
        controllers = await _seen(_controllers(cluster, mesh), str(Act("list", "", "pods", mesh)))
        said = session.value
        hello: Seen[HelloResponse] = Seen(said.hello if said else None, session.failure, session.needs)
        told: Seen[Sequence[CheckCategory]] = Seen(failure=session.failure, needs=session.needs)
        pods: Seen[Sequence[Pod]] = Seen(failure=session.failure, needs=session.needs)
        if said is not None:
            told = await _seen(_checks(said), str(Act("get", OBSERVE_GROUP, "checks")))
            if mode == PROXY:
                pods, namespace = await _pods(said, namespace)
    return Facts(
        where=where, now=now, mesh=mesh, namespace=namespace, scoped=bool(scoped), me=me, version=version,
        objects=found, controllers=controllers, hello=hello, told=told, pods=pods,
    )  # fmt: skip


async def _seen(question: Awaitable[Value], needs: str) -> Seen[Value]:
    try:
        return Seen(await question)
    except KubeError as error:
        return Seen() if error.code in (NOT_FOUND, NO_SUCH_API) else Seen(failure=error, needs=needs)
    except ClientError as error:
        return Seen(failure=error, needs=needs)


async def _verdicts(cluster: Session, mesh: str, scoped: bool) -> Mapping[Act, Verdict]:
    return await Reviews(cluster).all_mine(setup.asked(mesh, scoped=scoped))


async def _others(cluster: Session, mesh: str) -> Sequence[str]:
    ((key, value),) = LABELS.items()
    return await strangers(cluster, mesh, f"{key}={value}", kinds=WORKLOADS)


async def _met(cluster: Session, mesh: str, namespace: str, stack: AsyncExitStack) -> tuple[str, Seen[Mesh]]:
    """Return the namespace of a mesh that is of that namespace alone ("": it is the cluster's), and a session to it."""
    space = namespace or cluster.namespace or "default"
    session = await _seen(open_api(fetching(cluster), cluster.where, namespace=space), f"get {observe.ROOT}")
    if mesh or (session.failure is not None and session.failure.code in NO_MESH):
        space = mesh or space
        pod = await scoped_pod(cluster, space)
        if pod:
            entered = stack.enter_async_context(forwarded(cluster, space, pod))
            return space, await _seen(entered, str(Act("create", "", "pods", space, pod, "portforward")))
        if await _scoped(cluster, space):
            return space, Seen()
    return "", session


async def _scoped(cluster: Session, namespace: str) -> bool:
    """Tell whether a namespace has a mesh of its own, whose control plane may be away."""
    key, _, value = SCOPED.partition("=")
    seen = await _seen(cluster.get(DEPLOYMENTS.path(namespace, ACCOUNT)), "")
    return labels_of(seen.value or {}).get(key) == value


async def _home(cluster: Session, session: Mesh | None) -> str:
    """Return the control plane's namespace, from its own word, or from how the API server reaches it."""
    if session is not None:
        return session.hello.mesh
    seen = await _seen(cluster.get(API_SERVICES.path(name=OBSERVE)), "")
    service = ((seen.value or {}).get("spec") or {}).get("service") or {}
    return str(service.get("namespace") or NAMESPACE)


async def _controllers(cluster: Session, mesh: str) -> Sequence[Object]:
    return (await cluster.list(PODS.path(mesh), labels=f"{COMPONENT}=controller")).items


async def _checks(session: Mesh) -> Sequence[CheckCategory]:
    return (await control.check(session)).categories


async def _pods(session: Mesh, namespace: str) -> tuple[Seen[Sequence[Pod]], str]:
    """Return the pods of a namespace, or of all; who may not see all is shown their own namespace's."""

    async def ask(space: str) -> Seen[Sequence[Pod]]:
        async def pods() -> Sequence[Pod]:
            return (await inventory.pods(session, [Resource(kind="namespace", name=space)] if space else [])).pods

        return await _seen(pods(), str(Act("get", OBSERVE_GROUP, "meshedpods", space)))

    seen = await ask(namespace)
    if not namespace and seen.failure is not None and seen.failure.code == "permission_denied":
        return await ask(session.namespace), session.namespace
    return seen, namespace
