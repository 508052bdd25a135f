"""Whether a pod out of a file has the shape that Kubernetes gives pods, as far as injection looks and writes.

`meshtui.cli.injecting` asks before it changes anything: what the API server has let through has this shape, what a
person wrote may have not. Also: parts that YAML's aliases share with others become the pod's own before it is changed.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Way = tuple[str | int, ...]
_LISTS = ("initContainers", "containers", "volumes")


class ShapeError(Exception):
    """A value of the wrong type; `line` counts from zero in the document."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def check(pod: Any, way: Way) -> None:
    """Raise ShapeError for the first value of another type than Kubernetes has there; `way` leads to the pod."""
    meta = _mapping(pod, "metadata", way)
    for part in ("labels", "annotations"):
        texts = _mapping(meta, part, (*way, "metadata"))
        for key, value in texts.items():
            if not isinstance(value, str):
                raise _error(texts, key, (*way, "metadata", part), "no text: write it in quotes")
    spec = _mapping(pod, "spec", way)
    below = (*way, "spec")
    for part in ("os", "nodeSelector", "securityContext"):
        _mapping(spec, part, below)
    for part in ("requests", "limits"):
        _mapping(_mapping(spec, "resources", below), part, (*below, "resources"))
    for part in _LISTS:
        for at, one in _entries(spec, part, below):
            if part != "volumes":
                _container(one, (*below, part, at))


def _container(one: Mapping[str, Any], way: Way) -> None:
    _mapping(one, "securityContext", way)
    _mapping(_mapping(one, "lifecycle", way), "preStop", (*way, "lifecycle"))
    for at, port in _entries(one, "ports", way):
        number = port.get("containerPort")
        if not isinstance(number, int) or isinstance(number, bool):
            raise _error(port, "containerPort", (*way, "ports", at), "no number")


def _mapping(parent: Any, key: str, way: Way) -> Any:
    found = parent.get(key)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise _error(parent, key, way, "no mapping")
    return found


def _entries(parent: Any, key: str, way: Way) -> Iterator[tuple[int, Any]]:
    found = parent.get(key)
    if found is None:
        return
    if not isinstance(found, Sequence) or isinstance(found, str):
        raise _error(parent, key, way, "no list")
    for at, one in enumerate(found):
        if not isinstance(one, Mapping):
            raise _error(found, at, (*way, key), "no mapping")
        yield at, one


def _error(parent: Any, key: Any, way: Way, problem: str) -> ShapeError:
    value = parent.get(key) if isinstance(parent, Mapping) else parent[key]
    shown = str(value).strip()[:40] if value is not None else "empty"
    line = _line(parent, key)
    return ShapeError(f"{'.'.join(map(str, (*way, key)))} is {shown}, {problem}", line)


def _line(parent: Any, key: Any) -> int:
    """Return where ruamel read a value; where it did not say, its parent's line."""
    place = getattr(parent, "lc", None)
    if place is None:
        return 0
    known = (place.data or {}).get(key)
    return int(known[0] if known else place.line or 0)


def unshare(document: Any, objects: Iterable[tuple[Any, Sequence[str]]]) -> None:
    """Give each object's pod its own copy of what injection may change in it and what the document has elsewhere, too.

    `objects` come with the way to their pod.
    """
    for whole, way in objects:
        shared = _shared(document)
        if not shared:
            return
        pod = whole
        for step in way:
            _own(pod, step, shared)
            pod = pod[step]
        shared = _shared(document)  # a copy has its own aliases
        for part in ("metadata", "spec"):
            _own(pod, part, shared)
        for part in ("labels", "annotations"):
            _own(pod.get("metadata") or {}, part, shared)
        for part in _LISTS:
            _own(pod["spec"], part, shared)
        containers = pod["spec"].get("containers") or []
        for at in range(len(containers)):
            _own(containers, at, shared)
            _own(containers[at], "lifecycle", shared)


def _own(parent: Any, key: str | int, shared: set[int]) -> None:
    found = parent.get(key) if isinstance(parent, Mapping) else parent[key]
    if id(found) in shared:
        parent[key] = copy.deepcopy(found)


def _shared(document: Any) -> set[int]:
    """Return the ids of the mappings and lists that are met more than once; each is looked into only once."""
    seen: set[int] = set()
    twice: set[int] = set()
    ahead = [document]
    while ahead:
        each = ahead.pop()
        if not isinstance(each, (Mapping, list)):
            continue
        if id(each) in seen:
            twice.add(id(each))
            continue
        seen.add(id(each))
        ahead.extend(each.values() if isinstance(each, Mapping) else each)
    return twice
