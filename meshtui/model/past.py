"""What was asked for, in order: back, forth, and the last two in turn. Pure; the app keeps the commands in one."""

from typing import Generic, TypeVar

Item = TypeVar("Item")


class Past(Generic[Item]):
    """A bounded history with a place in it. What comes after the place goes when something new is added."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: list[Item] = []
        self._here = -1
        self._before = -1  # where it was before it came here

    def add(self, item: Item) -> None:
        """Take note of the newest."""
        del self._items[self._here + 1 :]
        self._items.append(item)
        gone = max(0, len(self._items) - self._most)
        del self._items[:gone]
        self._before, self._here = self._here - gone, len(self._items) - 1

    def go(self, by: int) -> Item | None:
        """Go so many places forth, or back with a negative number; None: there is nothing, and the place stays."""
        where = self._here + by
        if not 0 <= where < len(self._items):
            return None
        self._before, self._here = self._here, where
        return self._items[where]

    def turn(self) -> Item | None:
        """Go to where it was before it came here; None: it was nowhere else."""
        if self._before < 0:
            return None
        self._before, self._here = self._here, self._before
        return self._items[self._here]
