"""What a connection allows its peer: windows, streams, sizes, and a budget for frames that cost more than they carry.

`Connection` reads them; the host's edges choose them by who is at the other end. The clock is passed in.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one connection; the defaults suit a client that nobody knows."""

    streams: int = 2000  # concurrent ones that the peer may open
    stream_window: int = 1 << 19
    connection_window: int = 16 << 20  # as many slow streams as fit stall nobody else
    frame: int = 1 << 14  # largest payload that the peer may send
    header_list: int = 64 << 10  # decoded, as RFC 9113 section 6.5.2 counts; more is refused per request
    header_block: int = 256 << 10  # encoded or decoded; more ends the connection
    continuations: int = 32  # CONTINUATION frames of one head
    connect: bool = False  # extended CONNECT is offered (RFC 8441)
    trusted: bool = False  # the peer is a sidecar: what it says about the mesh in its answers is passed on
    burst: int = 4000  # Budget, in units
    refill: int = 1000  # units a second


APPLICATION = Limits()
UPSTREAM = Limits(connection_window=64 << 20, frame=1 << 16)  # servers that we chose to ask, shared by all clients
HOP = Limits(
    streams=20_000, connect=True, trusted=True, connection_window=64 << 20, frame=1 << 16, burst=20_000, refill=10_000
)

# What frames that bring nothing cost a peer. A stream that is opened and reset within one read is rapid reset
# (CVE-2023-44487): it gets round the limit on streams. Later resets are cancellations, common with deadlines.
RAPID_RESET = 20
CANCELLATION = 1
ANSWERED = 4  # PING, SETTINGS: a frame in return
EMPTY = 4  # empty DATA, PRIORITY, unknown frames, unasked acknowledgements, frames of streams long closed
# WINDOW_UPDATEs are free as long as they may come of something: so many for each stream that the peer opened, and for
# each piece written to it, of which a frame of DATA is two. Some peers send one for each 4 KiB that they read, on the
# stream and on the connection; what was earned and not used is kept for one who stops reading for a while.
UPDATES = 16
UPDATES_KEPT = 1 << 16


class Meter:
    """Adds up what waits in streams for windows and readers."""

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting = 0


class Budget:
    """Units that a peer may waste: a burst, refilled with time."""

    __slots__ = ("_burst", "_clock", "_left", "_refill", "_then")

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._burst = limits.burst
        self._refill = limits.refill
        self._left: float = limits.burst
        self._clock = clock
        self._then = clock()

    def spend(self, units: int) -> bool:
        """Take units away; False when there were not enough."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._then) * self._refill) - units
        self._then = now
        return self._left >= 0
