"""An HTTP/2 connection that ends because the peer broke the protocol or flooded is counted and, now and then, said.

host/h2 tells of clients, host/h2carrier of servers, other sidecars among both. The peer itself has read the same words
in the GOAWAY.
"""

import time

from agents.sidecar.engine.exchange import OUTBOUND
from agents.sidecar.engine.http2.wire import CODES
from agents.sidecar.state.peers import Peer
from agents.sidecar.state.runtime import Runtime
from agents.sidecar.state.violations import Violation

SRC = "src"
DST = "dst"


def report(runtime: Runtime, direction: int, side: str, peer: Peer, code: int, reason: str) -> None:
    """Count a connection's end, and say so if it was not said a moment ago."""
    who = f"{peer.identity} at {peer.address}" if peer.identity else peer.address or peer.name or "an unknown peer"
    way = "outbound" if direction == OUTBOUND else "inbound"
    kind = Violation(way, side, CODES[code], reason.replace(" ", "-"))
    due = runtime.violations.count(kind, time.monotonic())
    if due:
        more = f"; {due - 1} more since this was last said" if due > 1 else ""
        fields = {**kind._asdict(), "who": who, "count": due}
        runtime.log.warning("ended HTTP/2 with %s: %s (%s)%s", who, reason, kind.code, more, extra={"fields": fields})
