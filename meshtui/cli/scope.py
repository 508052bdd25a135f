"""Where a verb looks: the mesh, an open session to it, and the namespace that is meant."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

from meshcore.client import inventory
from meshcore.client.channel import Session, open_session
from meshcore.client.control import status
from meshcore.client.failure import ClientError
from meshcore.client.place import PlaceError
from meshcore.wire.common_pb2 import Resource
from meshcore.wire.discovery_pb2 import Pod
from meshcore.wire.kinds import parse_kind
from meshtui.cli.fault import USAGE, Fault, unknown
from meshtui.cli.resources import spell
from meshtui.cli.where import home_of
from meshtui.sources.kubeconfig import Kubeconfig, open_mesh


@asynccontextmanager
async def session_of(mesh: str, namespace: str = "") -> AsyncIterator[Session]:
    """Open a session to the mesh that is meant; raises Fault with the next step.

    In a cluster, `namespace` is where somebody who may not look everywhere looks.
    """
    try:
        home = await home_of(mesh)
        opened = open_mesh(home, namespace) if isinstance(home, Kubeconfig) else open_session(home)
        async with opened as session:
            yield session
    except PlaceError as error:
        raise Fault(str(error), error.hint) from None
    except ClientError as error:
        raise Fault(error.message, error.hint) from None


def run(verb: Callable[[], Awaitable[None]]) -> None:
    """Run a verb to its end; Ctrl-C ends it as it ends any filter."""

    async def main() -> None:
        await verb()

    asyncio.run(main())


async def namespace_of(session: Session, namespace: str, *, everywhere: bool) -> str:
    """Return the namespace that flags mean (empty: all); raises Fault for one that does not exist."""
    if everywhere and namespace:
        raise Fault("-n and -A exclude each other", "leave one of them out", status=USAGE)
    if everywhere:
        return ""
    found = await status(session)
    if not namespace:
        return session.namespace or found.default_namespace
    if namespace not in found.namespaces:
        raise unknown("namespace", namespace, found.namespaces)
    return namespace


async def require(session: Session, targets: Iterable[Resource | None]) -> None:
    """Raise Fault for the first named target that does not exist, naming the nearest that does."""
    named = [target for target in targets if target is not None and target.name]
    if session.hello.home == "kubernetes":  # a service there is no workload of its name: whoever answers knows it
        named = [target for target in named if target.kind != "service"]
    spaces = {target.name if target.kind == "namespace" else target.namespace for target in named}
    asked = [[Resource(kind="namespace", name=space)] if space else [] for space in sorted(spaces)]
    pods = [pod for targets_ in asked for pod in (await inventory.pods(session, targets_)).pods]
    for target in named:
        known = names(pods, target)
        if target.name not in known:
            where = f" in namespace {target.namespace}" if target.namespace else ""
            raise unknown(target.kind, target.name, known, where=where)


def names(pods: Iterable[Pod], target: Resource) -> set[str]:
    """Return the names of all resources of a target's kind in its namespace."""
    found = set()
    for pod in pods:
        status_ = pod.status
        if target.kind == "namespace":
            found.add(status_.namespace)
        elif target.namespace not in ("", status_.namespace):
            continue
        elif target.kind == "pod":
            found.add(status_.pod)
        elif target.kind == "service":
            found.add(status_.name)
        else:
            kind = parse_kind(status_.kind)
            if kind is not None and kind.name == target.kind:
                found.add(status_.name)
    return found


def heading(targets: Iterable[Resource]) -> str:
    """Return targets as people write them, for remarks: deployment/web, pod."""
    return ", ".join(spell(target) for target in targets)
