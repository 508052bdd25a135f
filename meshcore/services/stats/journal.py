"""Tells followers everything that comes in from our own sidecars: first what has been counted, then each report.

One follower is one other replica of the control plane; replica.py is its end. What was counted of a sidecar is told
before the first of its reports that is passed on, and holds all reports before that one, so the follower counts each
exactly once. serve.py feeds the journal, services/peers carries what it tells. Pure: sending is a callable.
"""

from collections.abc import Callable

from meshcore.services.stats.intake import Intake, Uplink, wire_end
from meshcore.services.stats.parts import parts, reporters
from meshcore.services.stats.rollup import End
from meshcore.wire import stats_pb2
from meshcore.wire.peers_pb2 import Happening, PeerReport

AT_ONCE = 20  # sidecars whose counts are frozen in one go

Put = Callable[[Happening], None]


class Follower:
    """One who is told. Call `more` until it says that there is no more to catch up with."""

    def __init__(self, journal: "Journal", put: Put) -> None:
        self._journal = journal
        self._put = put
        self._told: set[End] = set()
        self._whole = False

    def more(self) -> bool:
        """Tell some of what was counted before; False: that was all of it."""
        left = list(reporters(self._journal.intake) - self._told)[:AT_ONCE]
        if not left:
            self._whole = True
            return False
        self._told.update(left)
        for part in parts(self._journal.intake, set(left)):
            self._put(Happening(counted=part))
        for uplink, number in self._journal.uplinks.items():
            if uplink.boot.reporter in left:
                self._put(_begins(number, uplink))
                self._put(Happening(report=PeerReport(uplink=number, report=uplink.keys())))
        return True

    def tell(self, reporter: End, happening: Happening) -> None:
        """Pass on what happened, unless it is still to be told with all that was before."""
        if self._whole or reporter in self._told:
            self._put(happening)

    def leave(self) -> None:
        """Be told nothing any more."""
        self._journal.followers.discard(self)


class Journal:
    """Our own sidecars' streams, by number, and who follows them."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.uplinks: dict[Uplink, int] = {}
        self.followers: set[Follower] = set()
        self._last = 0

    def follow(self, put: Put) -> Follower:
        """Begin to tell somebody."""
        follower = Follower(self, put)
        self.followers.add(follower)
        return follower

    def opened(self, uplink: Uplink) -> None:
        """A sidecar's stream has begun."""
        self._last += 1
        self.uplinks[uplink] = self._last
        self._tell(uplink, _begins(self._last, uplink))

    def took(self, uplink: Uplink, report: stats_pb2.StatsReport) -> None:
        """A report came in, whether or not it had been counted before: its keys are new to this stream."""
        if self.followers:
            self._tell(uplink, Happening(report=PeerReport(uplink=self.uplinks[uplink], report=report)))

    def closed(self, uplink: Uplink) -> None:
        """A sidecar's stream has ended."""
        number = self.uplinks.pop(uplink)
        self._tell(uplink, Happening(report=PeerReport(uplink=number, closed=True)))

    def _tell(self, uplink: Uplink, happening: Happening) -> None:
        for follower in self.followers:
            follower.tell(uplink.boot.reporter, happening)


def _begins(number: int, uplink: Uplink) -> Happening:
    boot = uplink.boot
    hello = stats_pb2.StatsHello(self=wire_end(boot.reporter), boot_id=uplink.boot_id)
    return Happening(report=PeerReport(uplink=number, hello=hello))
