"""What a watch knows: one kind's objects by namespace and name, reduced to what is needed, and what changed; pure.

Filled by watch.py, read by whoever asked for the watch. `strip` is what keeps five thousand pods small: it returns
the part of an object that is looked at, and a change of anything else is no change.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, Literal, TypeVar

from meshcore.kube.objects import Key, Object, key_of, version_of

Kept = TypeVar("Kept")

Happening = Literal["added", "changed", "deleted"]
Change = tuple[Happening, Key, Kept | None, Kept | None]  # what happened to which, what it was, what it is


class Store(Generic[Kept]):
    """Objects by namespace and name, each as `strip` left it."""

    def __init__(self, strip: Callable[[Object], Kept]) -> None:
        self._strip = strip
        self._objects: dict[Key, Kept] = {}
        self._versions: dict[Key, str] = {}

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[Kept]:
        return iter(self._objects.values())

    def get(self, namespace: str, name: str) -> Kept | None:
        return self._objects.get((namespace, name))

    def items(self) -> Iterable[tuple[Key, Kept]]:
        return self._objects.items()

    def put(self, each: Object) -> Change[Kept] | None:
        """Take an object as it is now; None: nothing that is looked at has changed."""
        key, version = key_of(each), version_of(each)
        old = self._objects.get(key)
        if old is not None and version and self._versions.get(key) == version:
            return None
        self._versions[key] = version
        new = self._strip(each)
        if old is None:
            self._objects[key] = new
            return ("added", key, None, new)
        if old == new:
            return None
        self._objects[key] = new
        return ("changed", key, old, new)

    def remove(self, key: Key) -> Change[Kept] | None:
        """Forget an object; None: it was not known."""
        self._versions.pop(key, None)
        old = self._objects.pop(key, None)
        return None if old is None else ("deleted", key, old, None)

    def retain(self, keys: set[Key]) -> list[Change[Kept]]:
        """Forget all but these."""
        gone = [key for key in self._objects if key not in keys]
        return [change for key in gone if (change := self.remove(key)) is not None]
