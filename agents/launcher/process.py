"""One started program: its own session and process group, its output in a file, its end awaited by pidfd.

Used by whatever starts programs here (supervise, plane). Nothing that was started outlives the launcher: not when
it ends, not when it is killed (see shim and warden), not by slipping out of its group while the launcher lives.
"""

import asyncio
import contextlib
import ctypes
import os
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
SHIM = Path(__file__).with_name("shim.py")
WARDEN = Path(__file__).with_name("warden.py")
PYTHON = (sys.executable, "-I", "-S")
MARK = "MESHTUI_LAUNCH"  # in the environment of all that is started, and so of what that starts


class StartError(Exception):
    """A program that cannot be started; `str()` is one line."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to start; `fds` stay open in it under the same numbers, `stdin` is written to it and closed."""

    command: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    log: Path
    fds: Sequence[int] = ()
    stdin: bytes = b""


class Process:
    """A program that runs, or ran."""

    def __init__(self, popen: "subprocess.Popen[bytes]", yard: "Yard") -> None:
        self.pid = popen.pid
        self.started = time.monotonic()
        self.ended: float | None = None
        self._popen = popen
        self._yard = yard
        self._done = asyncio.Event()
        self._pidfd = os.pidfd_open(popen.pid)
        asyncio.get_running_loop().add_reader(self._pidfd, self._reap)

    @property
    def running(self) -> bool:
        return not self._done.is_set()

    @property
    def stopped(self) -> bool:
        """Tell whether somebody has halted it: SIGSTOP, or a debugger."""
        try:
            # After the program's name, which may have any character in it.
            return Path(f"/proc/{self.pid}/stat").read_bytes().rpartition(b")")[2].split()[0] in (b"T", b"t")
        except (OSError, IndexError):
            return False  # it has ended

    @property
    def ran(self) -> float:
        """Seconds since it started, until it ended."""
        return (self.ended or time.monotonic()) - self.started

    async def wait(self) -> int:
        """Return the exit status, once there is one; negative: the signal that killed it."""
        await self._done.wait()
        return self._popen.returncode

    def signal(self, number: int) -> None:
        """Send a signal to the whole group, unless it has ended: the number may be somebody else's by now."""
        if self.running:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    async def stop(self, grace: float) -> None:
        """End the group: ask, and after `grace` seconds insist."""
        if self.running:
            self.signal(signal.SIGTERM)
            self.signal(signal.SIGCONT)  # one that is stopped could not hear it
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._done.wait(), grace)
        self.signal(signal.SIGKILL)
        await self._done.wait()

    def _reap(self) -> None:
        # What it had started itself ends with it: the next start must find its ports free. It is a zombie still,
        # so nobody else can have got its number.
        self.signal(signal.SIGKILL)
        if self._popen.poll() is None:
            return
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self.ended = time.monotonic()
        self._yard.forget(self.pid)
        self._done.set()


class Yard:
    """All programs of this launcher, and the warden that ends them should it be killed."""

    def __init__(self) -> None:
        # Programs that leave their group become our children when their parent ends, so they can be found.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._warden = subprocess.Popen(
            [*PYTHON, str(WARDEN)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
        self._groups: set[int] = set()
        self._sessions: set[int] = set()  # every one there ever was
        self._mark = secrets.token_hex(8)

    def start(self, program: Program) -> Process:
        """Start a program; raises StartError."""
        path = resolve(program.command[0], program.directory, program.environment)
        shim = [*PYTHON, str(SHIM), str(os.getpid()), path, *program.command]
        try:
            with program.log.open("ab") as log:
                popen = subprocess.Popen(
                    shim,
                    stdin=subprocess.PIPE if program.stdin else subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**program.environment, MARK: self._mark},
                    cwd=program.directory,
                    pass_fds=tuple(program.fds),
                    start_new_session=True,
                )
        except (OSError, ValueError) as error:  # the latter of a null character
            raise StartError(f"cannot start {program.command[0]}: {getattr(error, 'strerror', error)}") from None
        self._groups.add(popen.pid)
        self._sessions.add(popen.pid)
        self._tell(f"+{popen.pid}\n")
        if popen.stdin is not None:
            # A configuration is smaller than a pipe's buffer or read at once; a program that died is found by its exit.
            with contextlib.suppress(BrokenPipeError):
                popen.stdin.write(program.stdin)
            with contextlib.suppress(BrokenPipeError):
                popen.stdin.close()
        return Process(popen, self)

    def forget(self, group: int) -> None:
        self._groups.discard(group)
        self._tell(f"-{group}\n")

    def reap(self) -> list[int]:
        """Collect orphans of ours that have ended; return those that run."""
        running = []
        for pid in filter(self._ours, _children() - self._groups - {self._warden.pid}):
            with contextlib.suppress(ChildProcessError):
                ended, _ = os.waitpid(pid, os.WNOHANG)
                if not ended:
                    running.append(pid)
        return running

    async def close(self) -> None:
        """End whatever is left, then the warden."""
        for group in list(self._groups):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        for _ in range(20):
            orphans = self.reap()
            if not orphans:
                break
            for pid in orphans:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.02)
        if self._warden.stdin is not None:
            self._warden.stdin.close()
        await asyncio.to_thread(self._warden.wait)
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)

    def _ours(self, pid: int) -> bool:
        """Tell whether a child comes from what was started here; one that has ended shows only its session."""
        with contextlib.suppress(OSError):
            if f"{MARK}={self._mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                self._sessions.add(os.getsid(pid))
        with contextlib.suppress(OSError):
            return os.getsid(pid) in self._sessions
        return False

    def _tell(self, line: str) -> None:
        assert self._warden.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._warden.stdin.write(line.encode())
            self._warden.stdin.flush()


def resolve(name: str, directory: Path, environment: Mapping[str, str]) -> str:
    """Return the path of a command, as a shell in `directory` would find it; raises StartError."""
    if "/" in name:
        path = directory / name
        try:
            info = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise StartError(f"there is no {path}") from None
        except (OSError, ValueError) as error:
            raise StartError(f"cannot start {path}: {getattr(error, 'strerror', error)}") from None
        if stat.S_ISDIR(info.st_mode) or not os.access(path, os.X_OK):
            raise StartError(f"{path} is not a program that may be run")
        return str(path.absolute())
    found = shutil.which(name, path=environment.get("PATH", os.defpath))
    if found is None:
        raise StartError(f"command not found: {name}")
    return str(Path(found).absolute())


def hanging(process: Process, reason: str) -> str:
    """Return in words that a program runs and gives no answer, and what may be done about it."""
    if process.stopped:
        return f"it was halted (SIGSTOP, or a debugger): `kill -CONT {process.pid}` lets it go on"
    return f"it hangs, {reason}: `kill -9 {process.pid}` has it started again"


def outcome(status: int) -> str:
    """Return an exit status in words."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"


def _children() -> set[int]:
    """Return the pids of our children; those of every thread."""
    found: set[int] = set()
    for path in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            found.update(map(int, (path / "children").read_text().split()))
    return found
