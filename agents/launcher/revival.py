"""How long to wait before a process that died is started again.

Pure; the caller passes the time. The wait doubles with each death up to a limit, and is forgotten once the
process has run long enough to count as stable.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Revival:
    """Waits for one process: `first`, then `base`, doubled until `limit`."""

    first: float = 0.5
    base: float = 0.5
    limit: float = 30.0
    stable: float = 10.0
    deaths: int = 0

    def died(self, ran: float) -> float:
        """Return the seconds to wait after the process died, having run for `ran` seconds."""
        if ran >= self.stable:
            self.deaths = 0
        self.deaths += 1
        if self.deaths == 1:
            return self.first
        return min(self.limit, self.base * 2.0 ** min(self.deaths - 2, 32))
