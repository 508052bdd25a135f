"""The control plane's process: started first, restarted when it dies, asked for tokens.

Used by `up`. `run` has no Plane: it asks the one that its mesh has.
"""

import asyncio
import time
from collections.abc import Callable

from agents.launcher import commands, journal
from agents.launcher.plan import Instance
from agents.launcher.process import Process, Program, StartError, Yard, hanging, outcome
from agents.launcher.revival import Revival
from agents.launcher.sidecar import configuration
from agents.launcher.state import FAILING, PENDING, RUNNING, STOPPING, State
from agents.launcher.supervise import LAST_LINES, Issue
from meshcore.client.channel import Session
from meshcore.client.failure import ClientError
from meshcore.client.place import Place
from meshcore.wire import control_pb2, version
from meshcore.wire.identity_pb2 import IssueTokenRequest

GRACE_S = 3.0
RETRY_S = 0.2
ASK_S = 3.0
CHECK_S = 5.0  # between questions to one that answers
ANSWER_S = 3.0
START_ANSWER_S = 1.0
MISSES = 3  # so many deaths at the start mean that it will not come up, so many questions without answer that it hangs


class Plane:
    """The keeper of a control plane."""

    def __init__(self, place: Place, command: list[str], yard: Yard, changed: Callable[[], None]) -> None:
        self.state = State(
            namespace="meshtui", kind="deployment", name="control-plane", pod="control-plane", meshed=False
        )
        self.log = place.logs / "control.log"
        self._command = command
        self._folder = place.path
        self._yard = yard
        self._changed = changed
        self._process: Process | None = None
        self._log_start = 0  # where the lines of the present run begin
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep())

    @property
    def hopeless(self) -> bool:
        """It has never come up, and died again and again."""
        return not self.state.ready and self.state.restarts >= MISSES

    def answered(self) -> None:
        """Note that the control plane answers."""
        self._set(phase=RUNNING, ready=True, message="", last_lines=[])

    async def stop(self, grace: float = GRACE_S) -> None:
        if self._task is not None:
            self._task.cancel()
        self._set(phase=STOPPING, ready=False)
        if self._process is not None:
            await self._process.stop(grace)

    def tidy(self) -> None:
        journal.shorten(self.log)

    async def follow(self, session: Session) -> None:
        """Note when a control plane that was restarted answers again, and when one that runs answers no more."""
        hello = control_pb2.HelloRequest(version=version.VERSION, protocol=version.PROTOCOL)
        misses, due = 0, 0.0
        while True:
            process = self._process
            if process is not None and process.running and (time.monotonic() >= due or not self.state.ready):
                try:
                    limit = ANSWER_S if self.state.ready else START_ANSWER_S
                    await session.ask(session.control.Hello(hello, timeout=limit))
                    misses, due = 0, time.monotonic() + CHECK_S
                    if not self.state.ready:
                        self.answered()
                except ClientError:
                    misses += 1
                    if misses >= MISSES and self.state.ready and process is self._process and process.running:
                        self._set(phase=FAILING, ready=False, message=hanging(process, "its socket does not answer"))
            await asyncio.sleep(RETRY_S)

    async def _keep(self) -> None:
        revival = Revival(first=0.0)
        while True:
            ran = 0.0
            try:
                program = Program(self._command, commands.environment(), self._folder, self.log)
                self._log_start = journal.size(self.log)
                self._process = self._yard.start(program)
                self._set(pid=self._process.pid, started_ms=time.time_ns() // 1_000_000)
                ended = outcome(await self._process.wait())
                ran = self._process.ran
            except StartError as error:
                ended = str(error)
            wait = revival.died(ran)
            self._set(
                phase=FAILING if self.state.restarts else PENDING,
                ready=False,
                pid=0,
                restarts=self.state.restarts + 1,
                message=f"{ended}, again in {wait:g} s" if wait else f"{ended}, again at once",
                last_lines=journal.last_lines(self.log, LAST_LINES, self._log_start),
            )
            await asyncio.sleep(wait)

    def _set(self, **changes: object) -> None:
        for name, value in changes.items():
            setattr(self.state, name, value)
        self._changed()


def issuer(session: Session) -> Issue:
    """Return the function that gets an instance's sidecar its configuration.

    It waits for a control plane that is away; raises ClientError if it refuses.
    """

    async def issue(instance: Instance) -> bytes:
        request = IssueTokenRequest(
            namespace=instance.namespace, service_account=instance.service_account, pod=instance.pod
        )
        while True:
            try:
                issued = await session.ask(session.identity.IssueToken(request, timeout=ASK_S, wait_for_ready=True))
                return configuration(instance, issued)
            except ClientError as error:
                if not error.lost:
                    raise
            await asyncio.sleep(RETRY_S)

    return issue
