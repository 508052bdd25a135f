"""One of several replicas leads: election by a Lease, only for what one writer must do.

The rules are client-go's: who holds the Lease renews it, and whoever has seen it unchanged for its whole duration may
take it. Clocks of two machines are never compared: what counts is when *this* process saw the Lease change. A leader
that cannot renew stops leading before the others may begin.
"""

import asyncio
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from meshcore.kube.failure import CONFLICT, EXISTS, NOT_FOUND, KubeError
from meshcore.kube.objects import LEASES, Object, micro, version_of
from meshcore.kube.session import Session

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a Lease holds without renewal, how long a leader tries to renew, and how often all look, in seconds."""

    duration: float = 15.0
    renew_within: float = 10.0
    every: float = 2.0


class Election:
    """One candidate for a Lease. `leading` is set while this process leads; `holder` is who leads, as last seen."""

    def __init__(
        self,
        session: Session,
        namespace: str,
        name: str,
        identity: str,
        *,
        terms: Terms | None = None,
        on_change: Callable[[bool], None] = lambda leading: None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.identity = identity
        self.leading = asyncio.Event()
        self.holder = ""
        self.failure: KubeError | None = None
        self._session = session
        self._namespace = namespace
        self._name = name
        self._path = LEASES.path(namespace, name)
        self._terms = terms or Terms()
        self._on_change = on_change
        self._clock = clock
        self._wall = wall
        self._sleep = sleep
        self._chance = chance
        self._seen = ""  # the Lease's version
        self._seen_at = 0.0
        self._renewed_at = 0.0

    async def run(self) -> None:
        """Stand for election until cancelled, then hand over at once."""
        try:
            while True:
                await self._round()
                await self._sleep(min(self._terms.every * (1.0 + 0.2 * self._chance()), self._left()))
        finally:
            if self.leading.is_set():
                self._lead(False)
                await self._release()

    async def _round(self) -> None:
        try:
            async with asyncio.timeout(min(self._terms.renew_within / 2, self._left())):
                await self._try()
            self.failure = None
        except (KubeError, TimeoutError) as error:
            self.failure = error if isinstance(error, KubeError) else KubeError("the Lease was not answered", lost=True)
            log.warning("no word of the lease", extra={"fields": {"lease": self._path, "error": str(self.failure)}})
        if self._left() <= 0.0:
            self._lead(False)

    def _left(self) -> float:
        """Return for how long this process may go on leading without renewal; without end if it does not lead."""
        if not self.leading.is_set():
            return math.inf
        return max(0.0, self._renewed_at + self._terms.renew_within - self._clock())

    async def _try(self) -> None:
        started = self._clock()
        try:
            lease = await self._session.get(self._path)
        except KubeError as error:
            if error.code != NOT_FOUND:
                raise
            if await self._write(None):
                self._won(started)
            return
        spec = lease.get("spec") or {}
        if version_of(lease) != self._seen:
            self._seen, self._seen_at = version_of(lease), self._clock()
        self.holder = spec.get("holderIdentity") or ""
        mine = self.holder == self.identity
        lasts = float(spec.get("leaseDurationSeconds") or self._terms.duration)
        if not mine and self.holder and self._clock() - self._seen_at < lasts:
            self._lead(False)
            return
        if await self._write(lease):
            self._won(started)
        else:
            self._lead(False)

    async def _write(self, lease: Object | None) -> bool:
        """Write our name into the Lease; False: somebody else was faster."""
        before = (lease or {}).get("spec") or {}
        now = micro(self._wall())
        mine = before.get("holderIdentity") == self.identity
        spec: dict[str, Any] = {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": max(1, round(self._terms.duration)),
            "acquireTime": before.get("acquireTime") if mine else now,
            "renewTime": now,
            "leaseTransitions": int(before.get("leaseTransitions") or 0) + (0 if mine or not lease else 1),
        }
        try:
            if lease is None:
                made = LEASES.new(self._name, self._namespace, spec=spec)
                written = await self._session.create(LEASES.path(self._namespace), made)
            else:
                written = await self._session.update(self._path, {**lease, "spec": spec})
        except KubeError as error:
            if error.code in (CONFLICT, EXISTS):
                return False
            raise
        self._seen, self._seen_at = version_of(written), self._clock()
        return True

    def _won(self, started: float) -> None:
        self.holder = self.identity
        self._renewed_at = started  # when it was asked for: the answer may have been long on its way
        self._lead(True)

    def _lead(self, leading: bool) -> None:
        if leading == self.leading.is_set():
            return
        if leading:
            self.leading.set()
        else:
            self.leading.clear()
        log.info("leads" if leading else "leads no more", extra={"fields": {"lease": self._path, "as": self.identity}})
        self._on_change(leading)

    async def _release(self) -> None:
        """Give the Lease back, so that another need not wait for it to run out."""
        try:
            async with asyncio.timeout(self._terms.every):
                lease = await self._session.get(self._path)
                spec = lease.get("spec") or {}
                if spec.get("holderIdentity") == self.identity:
                    free = {**spec, "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": micro(self._wall())}
                    await self._session.update(self._path, {**lease, "spec": free})
        except (KubeError, TimeoutError) as error:
            log.warning("the lease was not handed over", extra={"fields": {"lease": self._path, "error": str(error)}})
