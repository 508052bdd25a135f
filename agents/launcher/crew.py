"""Everything one launcher looks after, started and ended together; used by `up` and by `run`.

Each change is said, saved in the state file and reported to the control plane.
"""

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from agents.launcher.announce import Announcer
from agents.launcher.ending import Ending
from agents.launcher.order import upstreams
from agents.launcher.plan import Instance
from agents.launcher.plane import Plane, issuer
from agents.launcher.process import Yard
from agents.launcher.report import Reporter
from agents.launcher.state import LauncherState, State, save
from agents.launcher.supervise import APP_GRACE_S, SIDECAR_GRACE_S, Means, Supervisor
from meshcore.client.channel import Session
from meshcore.client.place import Place

GATHER_S = 0.05
TIDY_S = 10.0


class Crew:
    """The processes of one launcher."""

    def __init__(self, place: Place, file: str, state_file: Path, announcer: Announcer) -> None:
        self.place = place
        self.yard = Yard()
        self.plane: Plane | None = None
        self.supervisors: list[Supervisor] = []
        self._announcer = announcer
        self._state_file = state_file
        self._state = LauncherState(
            launcher=f"{os.getpid()}-{secrets.token_hex(4)}",
            pid=os.getpid(),
            mesh=place.name,
            file=file,
            started_ms=time.time_ns() // 1_000_000,
        )
        self._unsaved = False  # the last state, and that was said
        self._changed = asyncio.Event()
        self._settled = asyncio.Event()
        self._reporter: Reporter | None = None
        self._tasks = [asyncio.create_task(self._publish()), asyncio.create_task(self._tidy())]

    @property
    def states(self) -> list[State]:
        return [supervisor.state for supervisor in self.supervisors]

    def start_plane(self, command: list[str]) -> Plane:
        """Start the control plane, first of all."""
        self.plane = Plane(self.place, command, self.yard, self._changed.set)
        self.plane.start()
        return self.plane

    def start(self, instances: Sequence[Instance], session: Session, *, once: bool = False) -> None:
        """Start every instance, and report them. `once`: a program that ends well is done, not started again."""
        means = Means(self.yard, self.place.logs, issuer(session), self._changed.set, once)
        self.supervisors = [Supervisor(instance, means) for instance in instances]
        waits = upstreams(instances)
        for supervisor in self.supervisors:
            awaited = waits[supervisor.instance.namespace, supervisor.instance.name]
            supervisor.upstreams = [state for state in self.states if (state.namespace, state.name) in awaited]
        self._reporter = Reporter(session, self._state.launcher, lambda: self.states)
        self._background(self._reporter.run())
        if self.plane is not None:
            self.plane.answered()
            self._background(self.plane.follow(session))
        for supervisor in self.supervisors:
            supervisor.start()
        self._changed.set()

    async def settled(self, limit: float) -> None:
        """Wait until every instance is ready or failing, at most `limit` seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._settled.wait(), limit)

    async def stop(self, ending: Ending) -> None:
        """End everything: applications, then sidecars, then the control plane; at once if in a hurry."""
        gently = asyncio.create_task(self._stop())
        hurried = asyncio.create_task(ending.hurried())
        await asyncio.wait({gently, hurried}, return_when=asyncio.FIRST_COMPLETED)
        for task in (gently, hurried, *self._tasks):
            task.cancel()
        await asyncio.gather(gently, hurried, *self._tasks, return_exceptions=True)
        await self.yard.close()
        self._state_file.unlink(missing_ok=True)

    async def _stop(self) -> None:
        for supervisor in self.supervisors:
            supervisor.hang_up()
        await asyncio.gather(*(supervisor.stop_app(APP_GRACE_S) for supervisor in self.supervisors))
        await asyncio.gather(*(supervisor.stop_sidecar(SIDECAR_GRACE_S) for supervisor in self.supervisors))
        if self.plane is not None:
            await self.plane.stop()

    async def _publish(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            self._state.instances = self.states
            self._state.control = self.plane.state if self.plane else None
            self._announcer.look([*([self.plane.state] if self.plane else []), *self.states])
            self._save()
            if self._reporter is not None:
                self._reporter.changed()
            if self._reporter is not None and all(state.settled for state in self.states):
                self._settled.set()
            await asyncio.sleep(GATHER_S)

    def _save(self) -> None:
        """Write the state file. Without one the mesh goes on; only `ps` is left with what was written before."""
        try:
            save(self._state_file, self._state)
        except OSError as error:
            if not self._unsaved:
                self._announcer.say(f"`ps` is not up to date: cannot write {self._state_file}: {error.strerror}")
            self._unsaved = True
        else:
            self._unsaved = False

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_S)
            self.yard.reap()
            for supervisor in self.supervisors:
                supervisor.tidy()
            if self.plane is not None:
                self.plane.tidy()

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))
