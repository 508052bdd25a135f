"""What the shell offers after `tab`: types, names of what runs, namespaces and meshes.

A completion never complains: without a mesh, or one that answers too late, it offers what is known without.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable

import typer

from meshcore.client.channel import Session, open_session
from meshcore.client.failure import ClientError
from meshcore.client.place import PlaceError, find, running
from meshcore.wire.common_pb2 import Resource
from meshcore.wire.kinds import KINDS, parse_kind

PATIENCE_S = 0.8  # a person waits for the shell


def resources(context: typer.Context, incomplete: str) -> list[str]:
    """Return types, TYPE/NAME, or after a TYPE its names, that begin so."""
    before = context.params.get("words") or []
    kind, slash, _ = incomplete.partition("/")
    if slash:
        return begin((f"{kind}/{name}" for name in _names(context, kind)), incomplete)
    if before and "/" not in before[0]:
        return begin(set(_names(context, before[0])) - set(before), incomplete)
    return begin([kind.short[0] if kind.short else kind.name for kind in KINDS] + ["all"] * (not before), incomplete)


def workloads(context: typer.Context, incomplete: str) -> list[str]:
    """Return the workloads that begin so, for the launcher's verbs."""
    if context.params.get("words"):
        return []
    from meshcore.client.inventory import pods

    async def ask(session: Session) -> Iterable[str]:
        return {pod.status.name for pod in (await pods(session)).pods}

    return begin(_ask(context, ask), incomplete)


def namespaces(context: typer.Context, incomplete: str) -> list[str]:
    """Return the namespaces that begin so."""
    from meshcore.client.control import status

    async def ask(session: Session) -> Iterable[str]:
        return (await status(session)).namespaces

    return begin(_ask(context, ask), incomplete)


def meshes(incomplete: str) -> list[str]:
    """Return the running meshes that begin so."""
    try:
        return begin((place.name for place in running()), incomplete)
    except PlaceError:
        return []


def begin(words: Iterable[str], incomplete: str) -> list[str]:
    """Return the words that begin so, in order."""
    return sorted(word for word in words if word.startswith(incomplete))


def _names(context: typer.Context, word: str) -> Iterable[str]:
    kind = parse_kind(word)
    if kind is None:
        return ()
    from meshcore.client.inventory import pods
    from meshtui.cli.scope import names

    async def ask(session: Session) -> Iterable[str]:
        namespace = context.params.get("namespace") or ""
        return names((await pods(session)).pods, Resource(kind=kind.name, namespace=namespace))

    return _ask(context, ask)


def _ask(context: typer.Context, question: Callable[[Session], Awaitable[Iterable[str]]]) -> Iterable[str]:
    """Return the answer of the mesh that the words so far mean."""
    mesh = context.params.get("mesh") or os.environ.get("MESHTUI_MESH")

    async def main() -> Iterable[str]:
        async with asyncio.timeout(PATIENCE_S), open_session(find(mesh)) as session:
            return await question(session)

    try:
        return asyncio.run(main())
    except (PlaceError, ClientError, TimeoutError):
        return ()
