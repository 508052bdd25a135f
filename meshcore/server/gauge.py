"""What this process costs: resident memory and processor time, for Control.Status."""

import resource
import time
from pathlib import Path

_STATM = Path("/proc/self/statm")


class Gauge:
    """Processor time since it was last read."""

    def __init__(self) -> None:
        self._wall = time.monotonic()
        self._cpu = time.process_time()
        self.cpu_percent = 0.0

    def tick(self) -> None:
        """Measure the share of one core since the last tick."""
        wall, cpu = time.monotonic(), time.process_time()
        if wall > self._wall:
            self.cpu_percent = 100 * (cpu - self._cpu) / (wall - self._wall)
        self._wall, self._cpu = wall, cpu


def rss_bytes() -> int:
    """Return the memory that is resident now."""
    try:
        return int(_STATM.read_text().split()[1]) * resource.getpagesize()
    except OSError:  # not Linux: the peak is the best to be had
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
