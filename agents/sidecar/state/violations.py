"""HTTP/2 connections that were ended because the peer broke the protocol or flooded: how many, which way, and why.

host/violation adds, admin/metrics prints. Reasons are the engine's own words, and there is only so much room for them:
whatever a peer thinks of, it makes neither series nor lines without end.
"""

from typing import Final, NamedTuple

from agents.sidecar.state.lines import Lines

MOST: Final = 200  # kinds; the engine has fewer words than that
OTHER: Final = "other"


class Violation(NamedTuple):
    """One kind, in the words that its labels have."""

    direction: str  # inbound or outbound
    peer: str  # src: who connected to us, dst: whom we connected to
    code: str  # of the GOAWAY, as RFC 9113 names it
    reason: str


class Violations:
    """Counts, by kind."""

    __slots__ = ("_lines", "counts")

    def __init__(self) -> None:
        self.counts: dict[Violation, int] = {}
        self._lines = Lines()

    def add(self, kind: Violation, count: int = 1) -> Violation:
        """Count, and return what it was counted as."""
        if kind not in self.counts and len(self.counts) >= MOST:
            kind = kind._replace(reason=OTHER)
        self.counts[kind] = self.counts.get(kind, 0) + count
        return kind

    def count(self, kind: Violation, now: float) -> int:
        """Count one. Returns how many a line of log is due for, this one included; 0: none is due."""
        kind = self.add(kind)
        return self._lines.due(kind, self.counts[kind], now)
