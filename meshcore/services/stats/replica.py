"""What one other replica of the control plane tells, counted like what our own sidecars tell.

A report has its number whoever brings it, so one that a sidecar tells again here, after its replica was lost, counts
once. services/peers brings the news; journal.py is the other end. Pure; time is passed in.
"""

import logging
from collections.abc import Callable

from meshcore.services.stats.intake import Intake, Uplink
from meshcore.services.stats.parts import join
from meshcore.wire import common_pb2, discovery_pb2
from meshcore.wire.peers_pb2 import Happening, PeerReport

log = logging.getLogger("meshcore.stats")

OnStatus = Callable[[common_pb2.Peer, discovery_pb2.ProxyStatus], None]


class Replica:
    """One stream from another replica, and the sidecars' streams that it speaks of."""

    def __init__(self, name: str, intake: Intake, clock: Callable[[], float], on_status: OnStatus) -> None:
        self._name = name
        self._intake = intake
        self._clock = clock
        self._on_status = on_status
        self._uplinks: dict[int, tuple[common_pb2.Peer, Uplink]] = {}
        self._refused = False

    def take(self, happening: Happening) -> None:
        """Take in one piece of news."""
        match happening.WhichOneof("what"):
            case "counted":
                try:
                    join(self._intake, happening.counted)
                except ValueError as error:  # a replica of another version: what comes from now on is counted
                    if not self._refused:
                        self._refused = True
                        fields = {"replica": self._name, "reason": str(error)}
                        log.warning("what another replica counted before is not known here", extra={"fields": fields})
            case "report":
                self._report(happening.report)

    def _report(self, told: PeerReport) -> None:
        now = self._clock()
        if told.HasField("hello"):
            # Where its sidecar comes back with the same hello, it is told from where to go on.
            self._uplinks[told.uplink] = (told.hello.self, self._intake.open(told.hello, now))
        known = self._uplinks.get(told.uplink)
        if known is None:
            return
        who, uplink = known
        if told.HasField("report"):
            uplink.take(told.report, now)
            self._intake.tick(now)
            if told.report.HasField("status"):
                self._on_status(who, told.report.status)
        if told.closed:
            del self._uplinks[told.uplink]
            self._intake.close(uplink)

    def lost(self) -> None:
        """The replica tells nothing any more: its sidecars are about to come to another one."""
        now = self._clock()
        for _, uplink in self._uplinks.values():
            self._intake.lose(uplink, now)
        self._uplinks.clear()
