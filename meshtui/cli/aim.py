"""Whom tap and top look at: the words that name targets, and --to and --from, in a mesh that is there to be asked."""

from collections.abc import Sequence
from typing import NamedTuple

from meshcore.client.channel import Session
from meshcore.wire.common_pb2 import Resource
from meshcore.wire.tap_pb2 import TapMatch
from meshtui.cli.resources import parse_resource, parse_tapped
from meshtui.cli.scope import namespace_of, require


class Far(NamedTuple):
    """The other end, as a flag names it: a resource or nothing, and its namespace if it is not the targets'."""

    flag: str
    resource: str
    namespace: str


async def aim(
    session: Session,
    words: Sequence[str],
    match: TapMatch,
    *,
    namespace: str,
    everywhere: bool,
    to: Far,
    source: Far,
) -> list[Resource]:
    """Return the targets, and put both other ends into the match; raises Fault for what is not there."""
    where = await namespace_of(session, namespace, everywhere=everywhere)
    targets = parse_tapped(words, where)
    ends = [
        parse_resource(far.resource, far.namespace or where, far.flag) if far.resource else None for far in (to, source)
    ]
    await require(session, [*targets, *ends])
    for field, end in zip(("to", "from"), ends, strict=True):
        if end is not None:
            getattr(match, field).CopyFrom(end)
    return targets
