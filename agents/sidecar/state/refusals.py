"""Mutual TLS that was refused: how often, in which direction and why, and when a line of log about it is due.

host/handshake adds, admin/metrics prints. The reasons are a fixed set, so a stranger can neither make series nor, since
lines about one reason are rare however often it happens, fill a disk.
"""

from typing import Final

from agents.sidecar.state.lines import Lines

NO_TLS: Final = "no-tls"  # what answered does not speak TLS
NO_CERTIFICATE: Final = "no-certificate"
FOREIGN: Final = "foreign-authority"  # signed by nobody whom the trust bundle knows
EXPIRED: Final = "expired"
EARLY: Final = "not-yet-valid"
NO_IDENTITY: Final = "no-identity"  # signed by ours, and names no workload
MISMATCH: Final = "identity-mismatch"  # a workload, not the one that discovery has named
BY_PEER: Final = "refused-by-peer"  # it is our certificate that found no favour
TIMEOUT: Final = "timeout"
BROKEN_OFF: Final = "broken-off"
OTHER: Final = "other"
REASONS: Final = (
    NO_TLS, NO_CERTIFICATE, FOREIGN, EXPIRED, EARLY, NO_IDENTITY, MISMATCH, BY_PEER, TIMEOUT, BROKEN_OFF, OTHER,
)  # fmt: skip
DIRECTIONS: Final = ("inbound", "outbound")


class Refusals:
    """Counts, by direction and reason."""

    __slots__ = ("_lines", "counts")

    def __init__(self) -> None:
        self.counts = {(direction, reason): 0 for direction in DIRECTIONS for reason in REASONS}
        self._lines = Lines()

    def count(self, direction: str, reason: str, now: float) -> int:
        """Count one. Returns how many a line of log is due for, this one included; 0: none is due."""
        key = (direction, reason)
        self.counts[key] = total = self.counts[key] + 1
        return self._lines.due(key, total, now)
