"""Keeps one instance alive: its sidecar first, then, once that is ready, the application.

Each of the two is restarted by itself when it dies, after a wait that grows (see revival); the other goes on. What
happens is written to the instance's State, and `changed` is called.
"""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path

from agents.launcher import commands, folder, journal, probe
from agents.launcher.plan import Instance, shown
from agents.launcher.process import Process, Program, StartError, Yard, hanging, outcome
from agents.launcher.revival import Revival
from agents.launcher.state import FAILING, PENDING, RUNNING, STOPPING, SUCCEEDED, State, fresh
from meshcore.client.failure import ClientError

REFUSED = 78  # a sidecar's exit status for a configuration it cannot use
QUICK_S = 0.1  # between probes until it is ready
ALIVE_S = 1.0  # an application that cannot be probed has come up if it runs for so long
SLOW_S = 5.0  # and after that
MISSES = 3  # so many failed probes in a row end readiness
PATIENCE_S = 3.0  # until somebody waiting is told what for
UPSTREAMS_S = 15.0  # how long an application waits for those it calls
SIDECAR_S = 20.0  # how long a sidecar may take before that is called failing
APP_GRACE_S = 5.0
SIDECAR_GRACE_S = 3.0
LAST_LINES = 10
SIDECAR = "sidecar"  # how messages about it begin

Issue = Callable[[Instance], Awaitable[bytes]]  # the sidecar's configuration, with a fresh token


@dataclass(frozen=True, slots=True)
class Means:
    """What every supervisor works with."""

    yard: Yard
    logs: Path
    issue: Issue
    changed: Callable[[], None]
    once: bool = False  # a program that ends well is done


class Supervisor:
    """One instance's keeper."""

    def __init__(self, instance: Instance, means: Means) -> None:
        self.instance = instance
        self.upstreams: list[State] = []  # whose readiness the first start waits for
        self.state: State = fresh(instance, shown(instance.command))
        self.log = means.logs / f"{instance.namespace}.{instance.pod}.log"
        self.proxy_log = means.logs / f"{instance.namespace}.{instance.pod}.proxy.log"
        self._means = means
        self._app: Process | None = None
        self._sidecar: Process | None = None
        self._log_start = self._proxy_log_start = 0  # where the lines of the present run begin
        self._carrying = asyncio.Event()  # its sidecar has been ready
        self._well = False  # its application is ready
        self._stuck = False  # its sidecar runs, and answers no more
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        for log in (self.log, self.proxy_log):
            log.touch(0o600)  # so that `logs` knows the name before there is a line
        if self.instance.meshed:
            self._tasks.append(asyncio.create_task(self._safely(self._keep_sidecar())))
        self._tasks.append(asyncio.create_task(self._safely(self._keep_app())))

    async def _safely(self, keeping: Coroutine[None, None, None]) -> None:
        """Show a defect of ours where a person looks, and leave the other instances alone."""
        try:
            await keeping
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not go unseen
            traceback.print_exc()
            self._set(phase=FAILING, ready=False, message=f"the launcher failed: {error!r}")

    def hang_up(self) -> None:
        """Start nothing more."""
        for task in self._tasks:
            task.cancel()
        self._set(phase=STOPPING, ready=False)

    async def stop_app(self, grace: float = APP_GRACE_S) -> None:
        if self._app is not None:
            await self._app.stop(grace)

    async def stop_sidecar(self, grace: float = SIDECAR_GRACE_S) -> None:
        if self._sidecar is not None:
            await self._sidecar.stop(grace)

    def tidy(self) -> None:
        """Keep both logs from growing for ever."""
        journal.shorten(self.log)
        journal.shorten(self.proxy_log)

    async def _keep_sidecar(self) -> None:
        revival = Revival(first=0.0)
        fds = tuple(listener.fd for listener in self.instance.listeners)
        while True:
            try:
                config = await self._means.issue(self.instance)
                program = Program(
                    commands.sidecar(), commands.sidecar_environment(), self._means.logs, self.proxy_log, fds, config
                )
                self._proxy_log_start = journal.size(self.proxy_log)
                self._sidecar = self._means.yard.start(program)
            except (StartError, ClientError) as error:
                self._set(phase=FAILING, message=f"{SIDECAR}: {error}")
                await asyncio.sleep(revival.died(0.0))
                continue
            self._set(proxy_pid=self._sidecar.pid)
            watching = asyncio.create_task(self._watch_sidecar(self._sidecar))
            try:
                status = await self._sidecar.wait()
            finally:
                watching.cancel()
            wait = revival.limit if status == REFUSED else revival.died(self._sidecar.ran)
            self.state.proxy_pid = 0
            self.state.proxy_restarts += 1
            # An application that runs goes on; one that has not begun cannot, if this is more than a mishap.
            if not self._carrying.is_set() and (status == REFUSED or self.state.proxy_restarts >= MISSES):
                self.state.phase = FAILING
            lines = journal.last_lines(self.proxy_log, LAST_LINES, self._proxy_log_start)
            self._set(message=f"{SIDECAR}: {outcome(status)}, again {_in(wait)}", last_lines=lines)
            await asyncio.sleep(wait)

    async def _keep_app(self) -> None:
        revival = Revival()
        if self.instance.meshed:
            await self._carrying.wait()
        await self._upstreams_ready()
        while True:
            started = time.monotonic()
            try:
                status = await self._run_app()
                ended, ran = outcome(status), time.monotonic() - started
            except StartError as error:
                status, ended, ran = -1, str(error), 0.0
            if status == 0 and (self._means.once or self.instance.kind == "job"):
                self._set(phase=SUCCEEDED, ready=False, pid=0, message="")
                return
            wait = revival.died(ran)
            self._set(
                phase=FAILING,
                ready=False,
                pid=0,
                message=f"{ended}, again {_in(wait)}",
                last_lines=journal.last_lines(self.log, LAST_LINES, self._log_start),
            )
            await asyncio.sleep(wait)
            self._set(restarts=self.state.restarts + 1)

    async def _run_app(self) -> int:
        """Start the application, follow its readiness, and return its exit status."""
        instance = self.instance
        if not folder.exists(instance.directory):
            raise StartError(f"there is no folder {instance.directory}")
        program = Program(instance.command, instance.environment, instance.directory, self.log)
        self._log_start = journal.size(self.log)
        self._app = self._means.yard.start(program)
        # Until it has shown itself ready, a program that has died before keeps its message.
        phase = FAILING if self.state.phase == FAILING else PENDING
        self._set(phase=phase, pid=self._app.pid, started_ms=time.time_ns() // 1_000_000)
        watching = asyncio.create_task(self._watch_app())
        try:
            return await self._app.wait()
        finally:
            watching.cancel()
            self._well = False

    async def _watch_app(self) -> None:
        """Probe the application as long as it runs."""
        if not (self.instance.ports or self.instance.probe.kind):
            # Nothing to ask: one that has not died at once is taken to be well.
            await asyncio.sleep(ALIVE_S)
            self._up()
            return
        began, misses = time.monotonic(), 0
        while True:
            reason = await probe.application(self.instance)
            if not reason:
                misses = 0
                if not self._well:
                    self._up()
            elif self._well:
                misses += 1
                if misses >= MISSES:
                    self._well = False
                    self._set(ready=False, message=f"not ready: {reason}")
                    began = time.monotonic()
            else:
                self._unready(reason, time.monotonic() - began)
            settled = self._well and not misses
            await asyncio.sleep(SLOW_S if settled else 1.0 if misses or self.state.phase == FAILING else QUICK_S)

    def _up(self) -> None:
        """Note that the application is ready; without its sidecar the instance is not."""
        self._well = True
        if not self._stuck:
            self._set(phase=RUNNING, ready=True, message="", last_lines=[])

    def _unready(self, reason: str, waited: float) -> None:
        """Note why an application is not ready yet: soon as a message, after the probe's limit as a failure."""
        late = waited > self.instance.probe.timeout
        phase, text = FAILING if late else self.state.phase, f"not ready: {reason}"
        if waited > PATIENCE_S and (self.state.phase, self.state.message) != (phase, text):
            lines = journal.last_lines(self.log, LAST_LINES, self._log_start) if late else []
            self._set(phase=phase, message=text, last_lines=lines)

    async def _upstreams_ready(self) -> None:
        """Wait a while until those that the application calls can answer, or have failed to come up."""
        began = time.monotonic()
        while (waited := time.monotonic() - began) < UPSTREAMS_S:
            late = sorted({state.name for state in self.upstreams if not state.settled})
            if not late:
                break
            if waited > PATIENCE_S and not self.state.message:
                self._set(message=f"waits for {', '.join(late)}")
            await asyncio.sleep(QUICK_S)
        if self.state.message:
            self._set(message="")

    async def _watch_sidecar(self, process: Process) -> None:
        """Note when a sidecar that was started may carry traffic, that it takes long, or that it answers no more."""
        carries, misses = False, 0
        while process.running:
            reason = await probe.sidecar(self.instance)
            if not reason:
                freed = self._stuck and self._well
                carries, misses, self._stuck = True, 0, False
                self._carrying.set()
                if freed or self.state.message.startswith(SIDECAR):
                    self._set(phase=RUNNING if self._well else PENDING, ready=self._well, message="", last_lines=[])
            elif carries:
                misses = misses + 1 if reason == probe.SILENT else 0
                if misses == MISSES and process.running:
                    self._stuck = True
                    lines = journal.last_lines(self.proxy_log, LAST_LINES, self._proxy_log_start)
                    message = f"{SIDECAR}: {hanging(process, reason)}"
                    self._set(phase=FAILING, ready=False, message=message, last_lines=lines)
            elif process.ran > SIDECAR_S and self.state.phase != FAILING:
                lines = journal.last_lines(self.proxy_log, LAST_LINES, self._proxy_log_start)
                self._set(phase=FAILING, message=f"{SIDECAR} is not ready: {reason}", last_lines=lines)
            await asyncio.sleep(QUICK_S if not carries else 1.0 if misses else SLOW_S)

    def _set(self, **changes: object) -> None:
        for name, value in changes.items():
            setattr(self.state, name, value)
        self._means.changed()


def _in(wait: float) -> str:
    return f"in {wait:g} s" if wait else "at once"
