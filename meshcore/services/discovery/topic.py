"""One target that is watched: its view and the latest difference are made once and shared by all who watch it.

A service of hundreds of instances with as many callers changes one endpoint at a time; only the sending is per caller.
Sending is what costs, so a target is told at once, and then not again before those who watch it can have been told:
what changes meanwhile is told together. Used by serve.py; pure apart from the events that wake the watchers.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from meshcore.services.discovery.registry import ServiceKey
from meshcore.services.discovery.resolve import View, difference
from meshcore.wire.discovery_pb2 import EndpointsUpdate
from meshcore.wire.ids import Target

# A thousand watchers of one target are told five times a second at most, which takes a third of a core; twenty, as
# good as at once.
EACH_S = 0.0002


class Timer(Protocol):
    """What `later` returns."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """An event loop, as far as it is a clock: seconds, and what is to be done in some."""

    def time(self) -> float: ...
    def call_later(self, delay: float, callback: Callable[[], None], /) -> Timer: ...


class Topic:
    """A target, who watches it, and what it means now. `look` resolves it."""

    def __init__(self, target: Target, look: Callable[[Target], View], clock: Callable[[], Clock]) -> None:
        self.target = target
        self.watchers: set[asyncio.Event] = set()
        self._look = look
        self._clock = clock
        self._free = 0.0  # when its watchers may be woken again
        self._timer: Timer | None = None
        self._view: View | None = None
        self._last: tuple[View | None, View, EndpointsUpdate | None] | None = None

    def touch(self) -> None:
        """Look again, and wake the watchers: now, or when they can have been told what was before."""
        self._view = None
        if self._timer is not None:
            return
        clock = self._clock()
        wait = self._free - clock.time()
        if wait <= 0:
            self._wake()
        else:
            self._timer = clock.call_later(wait, self._wake)

    def close(self) -> None:
        """Wake nobody any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _wake(self) -> None:
        self._timer = None
        self._free = self._clock().time() + EACH_S * len(self.watchers)
        for watcher in self.watchers:
            watcher.set()

    def view(self) -> View:
        """Return what the target means now."""
        if self._view is None:
            self._view = self._look(self.target)
        return self._view

    def update(self, before: View | None) -> EndpointsUpdate | None:
        """Return the message that leads a watcher from what it was told to what is; None: there is nothing to tell."""
        view = self.view()
        if before is view:
            return None
        if self._last is None or self._last[0] is not before or self._last[1] is not view:
            self._last = (before, view, difference(before, view))
        return self._last[2]


class Topics:
    """All targets that are watched, by the service they name."""

    def __init__(self, look: Callable[[Target], View], clock: Callable[[], Clock] = asyncio.get_running_loop) -> None:
        self._look = look
        self._clock = clock
        self._services: dict[ServiceKey, dict[Target, Topic]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._services.values()))

    def join(self, target: Target, watcher: asyncio.Event) -> Topic:
        """Return the topic of a target, which wakes the watcher from now on."""
        topics = self._services.setdefault((target.namespace, target.name), {})
        topic = topics.get(target)
        if topic is None:
            topic = topics[target] = Topic(target, self._look, self._clock)
        topic.watchers.add(watcher)
        return topic

    def leave(self, topic: Topic, watcher: asyncio.Event) -> None:
        """Wake the watcher no more; forget what nobody watches."""
        topic.watchers.discard(watcher)
        if not topic.watchers:
            topic.close()
            key = (topic.target.namespace, topic.target.name)
            del self._services[key][topic.target]
            if not self._services[key]:
                del self._services[key]

    def touch(self, services: set[ServiceKey]) -> None:
        """Look again at every target of these services."""
        for service in services:
            for topic in self._services.get(service, {}).values():
                topic.touch()

    def touch_all(self) -> None:
        self.touch(set(self._services))
