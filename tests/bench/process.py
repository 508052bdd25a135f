"""Processes under measurement: started, asked what they have used, and ended."""

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")


class Process:
    """One child process."""

    def __init__(self, command: list[str], log: Path, *, stdin: bytes | None = None, environment=None) -> None:
        self.command = command
        self.log = log
        with log.open("wb") as out:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=environment,
            )
        if stdin is not None:
            self._child.stdin.write(stdin)
            self._child.stdin.close()

    def wait_for(self, ready, seconds: float = 15.0) -> None:
        """Wait until `ready` answers true; raises RuntimeError if the process ends, or takes too long."""
        until = time.monotonic() + seconds
        while not ready():
            if self._child.poll() is not None or time.monotonic() > until:
                said = self.log.read_text(errors="replace").strip()[-500:]
                raise RuntimeError(f"{Path(self.command[0]).name} did not start: {said}")
            time.sleep(0.02)

    def cpu_us(self) -> int:
        """Return the CPU time of all its threads so far."""
        fields = Path(f"/proc/{self._child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK_US

    def memory_kib(self) -> tuple[int, int]:
        """Return what is resident, and what of it is neither shared nor to be had again from a file."""
        resident = private = 0
        for line in Path(f"/proc/{self._child.pid}/smaps_rollup").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "Rss":
                resident = int(value.split()[0])
            elif name == "Private_Dirty":
                private = int(value.split()[0])
        return resident, private

    def stop(self) -> None:
        """End it, in any case."""
        self._child.terminate()
        try:
            self._child.wait(5)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


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
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False
