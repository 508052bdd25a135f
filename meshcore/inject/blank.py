"""Parts of a pod that were there with nothing in them before its sidecar came: `labels: {}`, or `volumes:` alone. Pure.

patch.py notes them in an annotation as it puts ours in, and leaves them as they were when it takes ours out.
"""

from collections.abc import Collection, Iterator, Mapping, MutableMapping
from typing import Any

from meshcore.inject import names
from meshcore.inject.decide import Object, annotations

_NULL = "=null"


def note(pod: Object) -> dict[str, str]:
    """Return the annotation that remembers them, with what an earlier one says; empty where there are none."""
    found = noted(pod) | set(_blanks(pod))
    return {names.BLANK: ",".join(sorted(found))} if found else {}


def noted(pod: Object) -> set[str]:
    """Return what the annotation of a pod remembers."""
    return set(filter(None, annotations(pod).get(names.BLANK, "").split(",")))


def clear(parent: MutableMapping[str, Any], part: str, noted: Collection[str], of: str = "") -> None:
    """Take away a part in which nothing is left, unless it was that way; `of` names the container it belongs to."""
    if parent[part] or of + part in noted:
        return
    if of + part + _NULL in noted:
        parent[part] = None
    else:
        del parent[part]


def _blanks(pod: Object) -> Iterator[str]:
    spec: Object = pod.get("spec") or {}
    yield from _of(pod, ("metadata",))
    yield from _of(pod.get("metadata") or {}, ("labels", "annotations"))
    yield from _of(spec, ("initContainers", "containers", "volumes"))
    for container in spec.get("containers") or ():
        yield from (owner(container) + part for part in _of(container, ("lifecycle",)))


def owner(container: Mapping[str, Any]) -> str:
    """Return how a container's parts begin in the annotation."""
    return f"{container.get('name', '')}/"


def _of(parent: Object, parts: Collection[str]) -> Iterator[str]:
    for part in parts:
        if part in parent and not parent[part]:
            yield part + (_NULL if parent[part] is None else "")
