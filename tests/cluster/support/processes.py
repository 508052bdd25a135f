"""The processes of one cluster: each with a log, ended by pid with the test run, even if that is killed."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.cluster.support.wait import until

TAIL = 1500  # characters of a log that an error shows
GRACE_S = 20.0
WITH_US = ("setpriv", "--pdeathsig", "KILL")  # the kernel ends it when the process that started it ends


class Processes:
    """Starts, watches and ends."""

    def __init__(self, logs: Path, inside: Sequence[str] = ()) -> None:
        self.logs = logs
        self.inside = tuple(inside)  # a command that runs a command elsewhere, as nsenter does
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, command: Sequence[str]) -> int:
        """Start a program and return the pid of what was started here."""
        chain = [*WITH_US, *self.inside, *(WITH_US if self.inside else ()), *command]
        with (self.logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                chain, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.logs, start_new_session=True
            )
        self._running[name] = process
        return process.pid

    def pid(self, name: str) -> int:
        return self._running[name].pid

    def wait(self, name: str, done: Callable[[], bool], seconds: float) -> None:
        """Wait for what a program is to bring about; fails early when it ended, and shows its log."""
        process = self._running[name]
        try:
            until(lambda: process.poll() is not None or done(), seconds, f"{name} to be ready")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.tail(name)}") from None
        if process.poll() is not None:
            raise AssertionError(f"{name} ended with {process.returncode}\n{self.tail(name)}")

    def tail(self, name: str) -> str:
        """Return the end of a program's log."""
        path = self.logs / f"{name}.log"
        return f"{path}: …{path.read_text(errors='replace')[-TAIL:]}"

    def end(self, name: str, *, kill: bool = True) -> None:
        """End one program; what it kept is thrown away with the cluster, so that nothing needs a graceful end."""
        process = self._running.pop(name, None)
        if process is None:
            return
        if not kill:
            process.terminate()
            try:
                process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                kill = True
        if kill:
            process.kill()
            process.wait()

    def close(self) -> None:
        """End all, the last first."""
        for name in reversed(list(self._running)):
            self.end(name)
