"""Changing part of an object: server-side apply, merge patches, and JSON patches that hold only while a field is so.

Used by whoever writes to the API server: webhook certificates, the trust bundle, annotations. The pure helpers build
the patches; a controller applies what it owns and leaves the rest alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from meshcore.kube.objects import Object
from meshcore.kube.session import APPLY, JSON_PATCH, MERGE, Session
from meshcore.kube.transport import ASK_S

MANAGER = "meshtui"  # owns the fields that we apply

Operation = dict[str, Any]


async def apply(
    session: Session, path: str, body: Object, *, manager: str = MANAGER, force: bool = True, within: float = ASK_S
) -> Object:
    """Make the fields of `body` so, creating the object if need be; fields left out that we owned are removed.

    Without `force`, a field that somebody else owns is a conflict.
    """
    query = {"fieldManager": manager, "force": "true" if force else "false"}
    return await session.patch(path, body, query, media=APPLY, within=within)  # JSON is YAML


async def merge(
    session: Session, path: str, body: Mapping[str, Any], *, manager: str = MANAGER, within: float = ASK_S
) -> Object:
    """Change the fields of `body`, and remove those that are None."""
    return await session.patch(path, body, {"fieldManager": manager}, media=MERGE, within=within)


async def edit(
    session: Session, path: str, operations: Sequence[Operation], *, manager: str = MANAGER, within: float = ASK_S
) -> Object:
    """Apply the operations of a JSON patch in turn, all or none."""
    return await session.patch(path, operations, {"fieldManager": manager}, media=JSON_PATCH, within=within)


def pointer(*parts: str | int) -> str:
    """Return a JSON pointer (RFC 6901) to a field: names may hold slashes, as annotations' do."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def add(where: str, value: Any) -> Operation:
    """Return the operation that sets a field, or puts an item before another in a list (RFC 6902)."""
    return {"op": "add", "path": where, "value": value}


def replace(where: str, value: Any) -> Operation:
    """Return the operation that sets a field which must be there."""
    return {"op": "replace", "path": where, "value": value}


def remove(where: str) -> Operation:
    """Return the operation that takes a field away which must be there."""
    return {"op": "remove", "path": where}


def expect(where: str, value: Any) -> Operation:
    """Refuse the whole patch unless a field has this value."""
    return {"op": "test", "path": where, "value": value}
