"""What the other processes of this sidecar last said of themselves; empty in a sidecar of one process.

crew/member writes it, admin and feeds/status add it to what this process knows of itself, so that a sidecar looks the
same from outside however many processes it is. Counters are not here: they are added to state/counters.
"""

from typing import NamedTuple


class Load(NamedTuple):
    """An endpoint, as one process sees it."""

    ewma: float  # s; 0: it has not been used there
    inflight: int


class Figures:
    """One process."""

    __slots__ = (
        "clients",
        "cpu_us",
        "descriptors",
        "inflight",
        "loads",
        "rss_bytes",
        "threads",
        "virtual_bytes",
        "waiting_bytes",
    )

    def __init__(self) -> None:
        self.cpu_us = 0
        self.rss_bytes = 0
        self.virtual_bytes = 0
        self.descriptors = 0
        self.threads = 0
        self.clients = 0
        self.inflight = 0  # requests
        self.waiting_bytes = 0  # for slow readers
        self.loads: dict[str, dict[str, Load]] = {}  # by target and endpoint's id


class Others:
    """All other processes."""

    __slots__ = ("_ended_us", "all", "processes")

    def __init__(self, processes: int = 1) -> None:
        self.processes = processes  # of this sidecar, this one included; each has its share of every limit
        self.all: list[Figures] = []
        self._ended_us = 0

    @property
    def cpu_us(self) -> int:
        """CPU time of all that there ever were: it never falls."""
        return self._ended_us + self.sum("cpu_us")

    def sum(self, name: str) -> int:
        """Return the sum of one figure."""
        return sum(getattr(each, name) for each in self.all)

    def remove(self, gone: Figures) -> None:
        """A process has ended."""
        self.all.remove(gone)
        self._ended_us += gone.cpu_us

    def load(self, target: str, endpoint: str, mine: Load) -> Load:
        """Return an endpoint's load by the whole sidecar: the mean latency of those that know it, all requests."""
        if not self.all:
            return mine
        loads = [mine, *(each.loads.get(target, {}).get(endpoint, _NONE) for each in self.all)]
        known = [load.ewma for load in loads if load.ewma]
        return Load(sum(known) / len(known) if known else 0.0, sum(load.inflight for load in loads))


_NONE = Load(0.0, 0)
