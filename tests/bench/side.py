"""What every contestant is: proxies before the origin, one port to dial, and what they have used so far."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.bench.process import Process


class Usage(NamedTuple):
    """Memory of one of a side's processes, the mean of all, in KiB."""

    resident: float
    private: float


class Side:
    """Proxies of one make. Who makes one starts its processes, and stops them if that fails."""

    name = ""
    needs: Callable[[], str] | None = None  # finds its program, or raises MissingError

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.proxies: list[Process] = []
        self.entry = 0  # the port that clients dial

    def cpu_us(self) -> float:
        return sum(proxy.cpu_us() for proxy in self.proxies)

    def waited_us(self) -> float:
        return sum(proxy.waited_us() for proxy in self.proxies)

    def memory(self) -> Usage:
        found = [proxy.memory() for proxy in self.proxies]
        count = len(found)
        return Usage(sum(one.resident for one in found) / count, sum(one.private for one in found) / count)

    def arrange(self, state: str) -> None:
        """Put a state on, or take it off ("")."""
        if state:
            raise ValueError(f"{self.name} has no state {state!r}")

    def check(self) -> None:
        """Raise RuntimeError if what was measured is not what the row says."""

    def stop(self) -> None:
        for process in self.proxies:
            process.stop()
