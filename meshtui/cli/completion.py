"""What the shell offers after `tab`: types, names of what runs, namespaces and meshes.

A completion never complains: without a mesh, or one that answers too late, it offers what is known without.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from meshcore.client.channel import Session, open_session
from meshcore.client.failure import ClientError
from meshcore.client.place import PlaceError, find, running
from meshcore.wire.common_pb2 import Resource
from meshcore.wire.kinds import KINDS, parse_kind

PATIENCE_S = 0.8  # a person waits for the shell


def resources(incomplete: str) -> list[str]:
    """Return types, or TYPE/NAME for the names that begin so."""
    kind, slash, _ = incomplete.partition("/")
    if not slash:
        return begin([kind.short[0] if kind.short else kind.name for kind in KINDS] + ["all"], incomplete)
    known = parse_kind(kind)
    if known is None:
        return []
    from meshcore.client.inventory import pods
    from meshtui.cli.scope import names

    async def ask(session: Session) -> Iterable[str]:
        return names((await pods(session)).pods, Resource(kind=known.name))

    return begin((f"{kind}/{name}" for name in _ask(ask)), incomplete)


def namespaces(incomplete: str) -> list[str]:
    """Return the namespaces that begin so."""
    from meshcore.client.control import status

    async def ask(session: Session) -> Iterable[str]:
        return (await status(session)).namespaces

    return begin(_ask(ask), incomplete)


def meshes(incomplete: str) -> list[str]:
    """Return the running meshes that begin so."""
    try:
        return begin((place.name for place in running()), incomplete)
    except PlaceError:
        return []


def begin(words: Iterable[str], incomplete: str) -> list[str]:
    """Return the words that begin so, in order."""
    return sorted(word for word in words if word.startswith(incomplete))


def _ask(question: Callable[[Session], Awaitable[Iterable[str]]]) -> Iterable[str]:
    async def main() -> Iterable[str]:
        async with asyncio.timeout(PATIENCE_S), open_session(find()) as session:
            return await question(session)

    try:
        return asyncio.run(main())
    except (PlaceError, ClientError, TimeoutError):
        return ()
