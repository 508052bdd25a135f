"""Processes under measurement: started, asked what they have used, and ended."""

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")


class Memory(NamedTuple):
    """What a process holds, in KiB: all that is resident, and what of it no other process shares."""

    resident: int
    private: int


class Process:
    """One child process."""

    def __init__(
        self, command: list[str], log: Path, *, stdin: bytes | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self.command = command
        self.log = log
        with log.open("wb") as out:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=env,
            )
        if stdin is not None and self._child.stdin is not None:
            self._child.stdin.write(stdin)
            self._child.stdin.close()
        self._proc = Path(f"/proc/{self._child.pid}")

    def wait_for(self, ready: Callable[[], bool], seconds: float = 15.0) -> None:
        """Wait until `ready` answers true; raises RuntimeError if the process ends, or takes too long."""
        until = time.monotonic() + seconds
        while not ready():
            if self._child.poll() is not None or time.monotonic() > until:
                said = self.log.read_text(errors="replace").strip()[-500:]
                raise RuntimeError(f"{Path(self.command[0]).name} did not start: {said}")
            time.sleep(0.02)

    @property
    def pid(self) -> int:
        return self._child.pid

    def cpu_us(self) -> float:
        """Return the CPU time of all its threads so far: in nanoseconds from the scheduler, or else in clock ticks."""
        threads = self._threads()
        if threads:
            return sum(ran for ran, _ in threads) / 1000
        return read_stat((self._proc / "stat").read_text()) * TICK_US

    def waited_us(self) -> float:
        """Return for how long its threads have been ready to run and had no core; 0 if the kernel does not tell."""
        return sum(waited for _, waited in self._threads()) / 1000

    def _threads(self) -> list[tuple[int, int]]:
        try:
            return [read_schedstat(path.read_text()) for path in self._proc.glob("task/*/schedstat")]
        except FileNotFoundError:  # a thread ended between being listed and being read
            return []

    def memory(self) -> Memory:
        return read_rollup((self._proc / "smaps_rollup").read_text())

    def stop(self) -> None:
        """End it, in any case."""
        self._child.terminate()
        try:
            self._child.wait(5)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


def read_schedstat(text: str) -> tuple[int, int]:
    """Return the nanoseconds that a thread has run, and those that it has waited for a core."""
    ran, waited, _ = text.split(maxsplit=2)
    return int(ran), int(waited)


def read_stat(text: str) -> int:
    """Return the ticks of `/proc/PID/stat`, user's and system's; the name before them may hold anything."""
    fields = text.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def read_rollup(text: str) -> Memory:
    """Return the memory that `/proc/PID/smaps_rollup` tells."""
    found = {"Rss": 0, "Private_Clean": 0, "Private_Dirty": 0, "Private_Hugetlb": 0}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name in found:
            found[name] = int(value.split()[0])
    return Memory(found.pop("Rss"), sum(found.values()))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        return False
    return True


def answers(url: str) -> bool:
    """Tell whether a URL answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
