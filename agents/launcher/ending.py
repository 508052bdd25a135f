"""When to end: a signal, the end of the process that owns the mesh, or somebody who asks.

SIGHUP counts: a dropped SSH session takes the mesh along, unless it was detached. A second signal is in a hurry.
"""

import asyncio
import contextlib
import os
import signal

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ending:
    """Why and when this launcher ends."""

    def __init__(self) -> None:
        self.reason = ""
        self._asked = asyncio.Event()
        self._hurried = asyncio.Event()

    def listen(self, owner_pid: int | None = None, owner_fd: int | None = None) -> None:
        """End by signals from now on, and with the owner: a process, or the other end of a pipe."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue  # started by nohup
            loop.add_signal_handler(number, self._signalled, number)
        if owner_pid is not None:
            try:
                self._watch(os.pidfd_open(owner_pid), f"its owner (pid {owner_pid}) ended")
            except ProcessLookupError:
                self.ask(f"its owner (pid {owner_pid}) has ended")
        if owner_fd is not None:
            os.set_inheritable(owner_fd, False)
            os.set_blocking(owner_fd, False)
            self._watch(owner_fd, "its owner ended")

    def ask(self, reason: str) -> None:
        if not self._asked.is_set():
            self.reason = reason
            self._asked.set()

    @property
    def asked(self) -> bool:
        return self._asked.is_set()

    async def wait(self) -> None:
        await self._asked.wait()

    async def hurried(self) -> None:
        await self._hurried.wait()

    def _signalled(self, number: signal.Signals) -> None:
        if self._asked.is_set():
            self._hurried.set()
        self.ask(number.name)

    def _watch(self, fd: int, reason: str) -> None:
        """End when a descriptor can be read: a pidfd then has ended, a pipe is closed at its other end."""
        loop = asyncio.get_running_loop()

        def readable() -> None:
            with contextlib.suppress(OSError):
                if os.read(fd, 4096):
                    return
            loop.remove_reader(fd)
            self.ask(reason)

        loop.add_reader(fd, readable)
