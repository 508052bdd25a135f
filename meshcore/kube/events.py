"""Telling people what was done to their objects, as Events that `kubectl describe` shows.

Whoever has something to say calls `record`, which never waits and never fails; a task writes it out. The same reason
given again for the same object becomes a count on one Event, which keeps its first note. What comes too fast is held
back, what is held back beyond a bound is dropped and counted. Events are for what a person should know, not for each
request.
"""

import asyncio
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from meshcore.kube.failure import NO_SUCH_API, NOT_FOUND, KubeError
from meshcore.kube.objects import EVENTS, Object, metadata_of, micro
from meshcore.kube.patch import merge
from meshcore.kube.session import Session

PENDING = 512  # things to be said
REMEMBERED = 1024  # Events that may be counted up
SERIES_S = 360.0  # after so long in silence it is a new Event, as Kubernetes' own recorder has it
RATE = 5.0  # Events a second, in the long run
BURST = 25.0
NOTE = 1024  # bytes that the API server allows
WORD = 128

log = logging.getLogger(__name__)

Said = tuple[str, str, str, str, str]  # kind, namespace and name of the object, type, reason


@dataclass(slots=True)
class Pending:
    """Something to be said, and how often it was since it was last written."""

    regarding: dict[str, Any]
    note: str
    action: str
    count: int
    at: float


@dataclass(slots=True)
class Series:
    """An Event that was written and may be counted up."""

    namespace: str
    name: str
    count: int
    at: float


class Recorder:
    """What one process has to say. `written`, `dropped` and `failed` count."""

    def __init__(
        self,
        session: Session,
        component: str,
        instance: str = "",
        *,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.written = self.dropped = self.failed = 0
        self._session = session
        self._component = component
        self._instance = (instance or os.uname().nodename)[:WORD]
        self._now = now
        self._sleep = sleep
        self._pending: dict[Said, Pending] = {}
        self._series: OrderedDict[Said, Series] = OrderedDict()
        self._woken = asyncio.Event()
        self._tokens, self._filled_at = BURST, now()

    def record(self, regarding: Object, reason: str, note: str, *, action: str = "", warning: bool = False) -> None:
        """Say something about an object: `reason` is one CamelCase word, `note` a sentence for a person."""
        about = reference(regarding)
        said: Said = (
            about.get("kind", ""),
            about.get("namespace", ""),
            about.get("name", ""),
            "Warning" if warning else "Normal",
            reason[:WORD],
        )
        held = self._pending.get(said)
        if held is not None:
            held.count += 1
            held.note, held.at = note, self._now()
        elif len(self._pending) < PENDING:
            self._pending[said] = Pending(about, note, (action or reason)[:WORD], 1, self._now())
        else:
            self.dropped += 1
        self._woken.set()

    async def run(self) -> None:
        """Write what is recorded, until cancelled."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._pending:
                await self._turn()
                said = next(iter(self._pending))
                await self._write(said, self._pending.pop(said))

    async def _turn(self) -> None:
        """Wait until the next Event may be written."""
        now = self._now()
        self._tokens = min(BURST, self._tokens + (now - self._filled_at) * RATE)
        self._filled_at = now
        if self._tokens < 1.0:
            await self._sleep((1.0 - self._tokens) / RATE)
            self._tokens, self._filled_at = 1.0, self._now()
        self._tokens -= 1.0

    async def _write(self, said: Said, pending: Pending) -> None:
        series = self._series.get(said)
        try:
            lasts = series is not None and pending.at - series.at < SERIES_S
            if series is None or not lasts or not await self._count_up(series, pending):
                self._series[said] = await self._create(said, pending)
            self._series.move_to_end(said)
            while len(self._series) > REMEMBERED:
                self._series.popitem(last=False)
            self.written += 1
        except KubeError as error:
            self.failed += 1  # an Event is a courtesy: it is not tried again, what it tells of is in the log as well
            log.warning("an event was not written", extra={"fields": {"event": "/".join(said), "error": str(error)}})

    async def _count_up(self, series: Series, pending: Pending) -> bool:
        """Add to an Event's count; False: it is gone."""
        series.count += pending.count
        series.at = pending.at
        change = {"series": {"count": series.count, "lastObservedTime": micro(pending.at)}}  # nothing else may change
        try:
            await merge(self._session, EVENTS.path(series.namespace, series.name), change)
        except KubeError as error:
            if error.code in (NOT_FOUND, NO_SUCH_API):
                return False
            raise
        return True

    async def _create(self, said: Said, pending: Pending) -> Series:
        _kind, namespace, about, kind, reason = said
        namespace = namespace or "default"
        name = f"{about[:200]}.{int(pending.at * 1e6):x}"
        fields: dict[str, Any] = {
            "eventTime": micro(pending.at),
            "reportingController": self._component,
            "reportingInstance": self._instance,
            "action": pending.action,
            "reason": reason,
            "regarding": pending.regarding,
            "note": pending.note.encode()[:NOTE].decode(errors="ignore"),
            "type": kind,
        }
        if pending.count > 1:
            fields["series"] = {"count": pending.count, "lastObservedTime": micro(pending.at)}
        await self._session.create(EVENTS.path(namespace), EVENTS.new(name, namespace, **fields))
        return Series(namespace, name, pending.count, pending.at)


def reference(each: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an Event names an object by; what has no name yet is named by what its name will begin with."""
    metadata = metadata_of(each)
    named = {
        "apiVersion": each.get("apiVersion"),
        "kind": each.get("kind"),
        "namespace": metadata.get("namespace"),
        "name": metadata.get("name") or (metadata.get("generateName") or "").rstrip("-"),
        "uid": metadata.get("uid"),
        "resourceVersion": metadata.get("resourceVersion"),
    }
    return {name: value for name, value in named.items() if value}
