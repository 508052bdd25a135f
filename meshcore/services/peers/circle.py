"""All other replicas of the control plane: a link to each, and what to say of those that do not answer.

The server says who they are, as the cluster tells it. An answer to a person is made of what has been heard, never waits
for anybody, and bears a note where a replica is silent.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from meshcore.services.peers.follow import Link

log = logging.getLogger("meshcore.peers")

GRACE_S = 2.0  # how long a replica may be silent before people are told
UNREADY_S = 30.0  # how long one is missed that is not ready any more: its sidecars have to notice, too
START_S = 10.0  # the longest a replica that has just started waits for what the others know


class Place(NamedTuple):
    """Where another replica is. One that is not `ready` is followed, but not missed."""

    address: str
    ready: bool


class _Known:
    """A link, with the task that keeps it."""

    def __init__(self, link: Link, ready: bool, now: float) -> None:
        self.link = link
        self.ready = ready
        self.ready_since = now
        self.unready_since = -math.inf
        self.whole = False
        self.task = asyncio.create_task(link.run())


class Circle:
    """The other replicas. `link(name, address)` makes a Link, `clock` is monotonic seconds."""

    def __init__(self, link: Callable[[str, str], Link], clock: Callable[[], float]) -> None:
        self._link = link
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._begun: float | None = None
        self._synced = False

    def set(self, places: Mapping[str, Place]) -> None:
        """Follow these, and no others."""
        now = self._clock()
        if self._begun is None:
            self._begun = now
        for name, known in list(self._known.items()):
            place = places.get(name)
            if place is None or place.address != known.link.address:
                self._drop(name)
        for name, place in places.items():
            found = self._known.get(name)
            if found is None:
                self._known[name] = _Known(self._link(name, place.address), place.ready, now)
            else:
                if place.ready and not found.ready:
                    found.ready_since = now
                elif found.ready and not place.ready:
                    found.unready_since = now
                found.ready = place.ready

    def links(self) -> dict[str, Link]:
        """Return those that answer."""
        return {name: known.link for name, known in self._known.items() if known.link.answers}

    @property
    def synced(self) -> bool:
        """Tell whether what the others know has been heard, or has been waited for long enough."""
        if not self._synced and self._begun is not None:
            for known in self._known.values():
                known.whole = known.whole or known.link.whole
            waited = self._clock() - self._begun > START_S
            self._synced = waited or all(known.whole for known in self._known.values() if known.ready)
        return self._synced

    def note(self) -> str:
        """Return what to say of replicas that do not answer; empty: all do."""
        now = self._clock()
        silent, total = 0, 1
        for known in self._known.values():
            if known.link.answers:
                total += 1
            elif known.ready or now - known.unready_since < UNREADY_S:
                total += 1
                silent += now - max(known.ready_since, known.link.silent_since) > GRACE_S
        return f"{silent} of {total} replicas did not answer" if silent else ""

    async def close(self) -> None:
        """Follow nobody any more."""
        for name in list(self._known):
            self._drop(name)
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _drop(self, name: str) -> None:
        task = self._known.pop(name).task
        task.cancel()
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
