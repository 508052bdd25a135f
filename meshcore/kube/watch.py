"""Keeping up with a collection: list it once, then follow its changes, for as long as it takes.

A Watch owns a Store and is run as a task by whoever asked for it. A stream that ends is taken up where it stopped; a
version that the server no longer knows (410, as an answer or inside the stream) is always listed anew, and what went
meanwhile is told as deleted. Bookmarks keep the version young while nothing happens; a stream that says nothing for
too long counts as broken. What it costs and how it goes is in `state`, for `check` and the metrics.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic

import msgspec

from meshcore.backoff import Backoff
from meshcore.kube.failure import GONE, INTERNAL, NO_SUCH_API, UNAVAILABLE, KubeError
from meshcore.kube.lines import Lines, LineTooLong
from meshcore.kube.objects import Key, Object, key_of, metadata_of, version_of
from meshcore.kube.refusal import from_status
from meshcore.kube.session import IDLE_S, PAGE, Session, selectors
from meshcore.kube.store import Change, Kept, Store

LIST_S = 60.0  # one page may be slow on a server that is busy
WATCH_S = 300  # the shortest life of a stream; the server ends it, so that replicas are used evenly
ABSENT_S = 15.0  # how often, at most, an API that is not there is looked for
BRIEF_S = 1.0  # a stream that ends sooner, with nothing said, has failed

log = logging.getLogger(__name__)

OnChange = Callable[[Change[Kept]], None]


@dataclass(slots=True)
class WatchState:
    """How a watch is doing. Times are seconds since 1970, 0: never."""

    path: str
    synced_at: float = 0.0  # when it was last known to be in step: listed, or told something
    lists: int = 0
    relists: int = 0  # of those, after a version grew too old
    streams: int = 0
    events: int = 0
    failures: int = 0
    faults: int = 0  # of listeners
    failure: KubeError | None = None  # what stands in the way now


class Event(msgspec.Struct):
    """One line of a stream."""

    type: str
    object: dict[str, Any]


class Watch(Generic[Kept]):
    """One collection, followed. `store` is what it holds, `synced` is set once that is so.

    `optional`: an API that is not there counts as an empty collection, and is looked for again now and then.
    """

    def __init__(
        self,
        session: Session,
        path: str,
        strip: Callable[[Object], Kept],
        *,
        labels: str = "",
        fields: str = "",
        optional: bool = False,
        page: int = PAGE,
        idle: float = IDLE_S,
        backoff: Backoff | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.session = session
        self.path = path
        self.store: Store[Kept] = Store(strip)
        self.synced = asyncio.Event()
        self.state = WatchState(path)
        self._selectors = selectors(labels, fields)
        self._optional = optional
        self._page = page
        self._idle = idle
        self._backoff = backoff or Backoff(chance=chance)
        self._sleep = sleep
        self._now = now
        self._chance = chance
        self._version = ""  # "": it must be listed
        self._anew = False  # it was listed because of a version too old, and nothing has come since
        self._told: list[OnChange[Kept]] = []

    def on_change(self, told: OnChange[Kept]) -> None:
        """Call `told` with each change from now on, and with what is known already as added."""
        self._told.append(told)
        for key, each in list(self.store.items()):
            self._tell(told, ("added", key, None, each))

    async def run(self) -> None:
        """Follow the collection until cancelled."""
        while True:
            try:
                if not self._version:
                    self._version = await self._list()
                await self._follow()
            except KubeError as error:
                if error.code == GONE:
                    self.state.relists += 1
                    at_once, self._version = bool(self._version) and not self._anew, ""
                    if at_once:
                        self._anew = True
                        continue
                await self._wait(error)

    async def _list(self) -> str:
        """Read the whole collection, tell what is new and what is gone, and return its version."""
        query: dict[str, str | int] = {"limit": self._page, **self._selectors}
        seen: set[Key] = set()
        while True:
            try:
                got = await self.session.get(self.path, query, within=LIST_S)
            except KubeError as error:
                if error.code != GONE or "continue" not in query:
                    raise
                # Reading took longer than the server remembers: take all at once, from its memory. What the first
                # pages held may be gone by now, and nobody would tell.
                seen.clear()
                query = {"resourceVersion": "0", "resourceVersionMatch": "NotOlderThan", **self._selectors}
                continue
            for each in got.get("items") or ():
                seen.add(key_of(each))
                self._spread(self.store.put(each))
            following = metadata_of(got).get("continue")
            if not following:
                break
            query["continue"] = following
        version = version_of(got)
        if not version:
            raise KubeError(f"{self.session.where} gave {self.path} without a resourceVersion", code=INTERNAL)
        for change in self.store.retain(seen):
            self._spread(change)
        self.state.lists += 1
        self._in_step()
        return version

    async def _follow(self) -> None:
        """Follow the changes since the version at hand until the server ends the stream."""
        query: dict[str, str | int] = {
            "watch": 1,
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": WATCH_S + int(WATCH_S * self._chance()),
            **self._selectors,
        }
        lines, opened, told = Lines(), self._now(), False
        async with self.session.stream(self.path, query, within=LIST_S, idle=self._idle) as chunks:
            self.state.streams += 1
            self.state.failure = None
            async for chunk in chunks:
                for line in self._cut(lines, chunk):
                    if line:
                        self._take(line)
                        told = True
                        self._healthy()
        if not told and self._now() - opened < BRIEF_S:
            raise KubeError(f"{self.session.where} ended the watch of {self.path} at once", code=UNAVAILABLE, lost=True)
        self._healthy()

    def _healthy(self) -> None:
        self._backoff.reset()
        self._anew = False

    def _cut(self, lines: Lines, chunk: bytes) -> list[bytes]:
        try:
            return lines.feed(chunk)
        except LineTooLong as error:
            self._version = ""
            raise KubeError(f"an event of {self.path} is too large: {error}", code=INTERNAL) from None

    def _take(self, line: bytes) -> None:
        """Take one event of the stream."""
        try:
            event = msgspec.json.decode(line, type=Event)
        except msgspec.DecodeError as error:
            self._version = ""  # what it said is lost, so what there is must be read again
            raise KubeError(f"an event of {self.path} cannot be read: {error}", code=INTERNAL) from None
        each = event.object
        if event.type == "ERROR":
            raise from_status(self.session.where, each.get("code") or 500, each, path=self.path, verb="watch")
        if event.type == "DELETED":
            self._spread(self.store.remove(key_of(each)))
        elif event.type in ("ADDED", "MODIFIED"):
            self._spread(self.store.put(each))
        elif event.type != "BOOKMARK":
            log.warning("an event of an unknown kind", extra={"fields": {"path": self.path, "type": event.type}})
        self._version = version_of(each) or self._version
        self.state.events += 1
        self.state.synced_at = self._now()

    async def _wait(self, error: KubeError) -> None:
        """Remember what stands in the way, and wait before the next try."""
        if error.code == NO_SUCH_API and self._optional:
            self._version = ""
            for change in self.store.retain(set()):
                self._spread(change)
            self._in_step()
            await self._sleep(ABSENT_S * (1.0 + self._chance()))
            return
        self.state.failures += 1
        if self.state.failure is None or self.state.failure.message != error.message:
            log.warning(
                "a watch failed", extra={"fields": {"path": self.path, "error": str(error), "hint": error.hint}}
            )
        self.state.failure = error
        await self._sleep(self._backoff.next(error.retry_after or 0.0))

    def _in_step(self) -> None:
        self.state.synced_at = self._now()
        self.state.failure = None
        self.synced.set()

    def _spread(self, change: Change[Kept] | None) -> None:
        if change is not None:
            for told in self._told:
                self._tell(told, change)

    def _tell(self, told: OnChange[Kept], change: Change[Kept]) -> None:
        try:
            told(change)
        except Exception:  # one object that a listener cannot take must not end what all others are told
            self.state.faults += 1
            log.exception("a listener failed", extra={"fields": {"path": self.path, "object": "/".join(change[1])}})
