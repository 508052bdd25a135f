"""The sidecar about itself: numbers that can be true."""

import logging

from agents.sidecar.feeds.status import MAX_ENDPOINTS, Status
from agents.sidecar.state.certs import Certificate, Certs
from agents.sidecar.state.counters import INBOUND, Counters
from agents.sidecar.state.peers import Peer
from agents.sidecar.state.runtime import Runtime
from agents.sidecar.state.taps import Taps
from meshcore.wire import discovery_pb2


class Draining:
    draining = False

    def begin(self) -> None:
        self.draining = True


def runtime():
    me = Peer()
    return Runtime(me, "b", Counters(), Taps(me, "b", lambda: 0.0), Certs(), Draining(), logging.getLogger("test"))


def test_it_tells_what_it_holds():
    made = runtime()
    made.counters.edge(INBOUND, Peer(), "a", "b", 1, 1, "").tcp.opening()
    made.counters.inflight = 3
    made.taps.dropped = 4
    made.certs.install(Certificate("spiffe://x", b"", b"", "", 1.0, 2.0, "ab"), "A")
    put = [discovery_pb2.Endpoint(id=str(i), ip="127.0.0.1", port=i, weight=i % 2) for i in range(300)]
    made.directory.discover("voting.emojivoto:80").apply(discovery_pb2.EndpointsUpdate(exists=True, put=put))
    status = Status(made)()
    assert status.rss_bytes > 1e6
    assert status.cpu_us > 0
    assert (status.connections, status.inflight, status.tap_dropped) == (1, 3, 4)
    assert (status.cert_not_before_ms, status.cert_not_after_ms, status.cert_serial) == (1000, 2000, "ab")
    assert len(status.endpoints) == MAX_ENDPOINTS
    assert [status.endpoints[i].state for i in (0, 1)] == ["draining", "ready"]
    assert status.endpoints[1].ewma_ms == 0  # nobody has asked it yet
