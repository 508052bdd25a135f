"""`--detach`: a launcher of its own session, and a starter that waits until it is up and says so.

`detach` runs in the starter, Relay in the launcher; between them is a pipe with a line of JSON per message. What
else arrives there, such as a traceback, is passed on as it is.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from agents.launcher import commands
from agents.launcher.announce import Announcer

FAILED = 1
ENDING_S = 10.0  # for a launcher that has said that it ends


class Message(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """One line between launcher and starter."""

    out: str = ""
    err: str = ""
    status: int | None = None


def detach(argv: Sequence[str], keep_fds: Sequence[int] = ()) -> int:
    """Start the launcher with these arguments apart from this terminal; return the status once it has settled."""
    read_end, write_end = os.pipe()
    child = subprocess.Popen(
        [*commands.launch(), *argv, "--relay-fd", str(write_end)],
        stdin=subprocess.DEVNULL,
        stdout=write_end,
        stderr=write_end,
        pass_fds=(write_end, *keep_fds),
        start_new_session=True,
    )
    os.close(write_end)
    status: int | None = None
    try:
        with os.fdopen(read_end, "rb") as lines:
            for line in lines:
                status = _pass_on(line)
                if status is not None:
                    break
    except KeyboardInterrupt:
        child.send_signal(signal.SIGTERM)
        child.wait()
        return FAILED
    if status == 0:
        child.returncode = 0  # it goes on without us, so there is nothing to wait for
        return status
    # Who is told of a failure may try again at once, and must not meet what is left of this one.
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(ENDING_S)
    if status is None:
        sys.stderr.write("the launcher ended before the mesh was up\n")
        return FAILED
    return status


def _pass_on(line: bytes) -> int | None:
    try:
        message = msgspec.json.decode(line, type=Message)
    except (msgspec.DecodeError, msgspec.ValidationError):
        sys.stderr.write(line.decode("utf-8", "replace"))
        return None
    if message.out:
        sys.stdout.write(message.out + "\n")
    if message.err:
        sys.stderr.write(message.err + "\n")
    return message.status


class Relay(Announcer):
    """The launcher's end: says things to whoever started it, until it has settled."""

    def __init__(self, fd: int) -> None:
        super().__init__(None)
        os.set_inheritable(fd, False)
        self._fd: int | None = fd

    def say(self, text: str) -> None:
        self._send(Message(out=text))

    def complain(self, text: str) -> None:
        self._send(Message(err=text))

    def finish(self, status: int) -> None:
        """Let the starter go; nothing is said after that."""
        self._send(Message(status=status))
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def settle_in(self, log: Path) -> None:
        """Write to a log from now on, as far as anything is written beside messages."""
        fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for standard in (1, 2):
            os.dup2(fd, standard)
        os.close(fd)

    def _send(self, message: Message) -> None:
        if self._fd is not None:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._fd, msgspec.json.encode(message) + b"\n")
