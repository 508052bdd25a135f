"""How much one sidecar process takes on at once, how much of that it has, and what it turned away.

host/listener and the hop ask before they let a connection in, stages/limit before a request; whatever makes bytes wait
for a slow reader adds them to `waiting` and takes them off again. admin/metrics shows all of it. Plain numbers: a
request pays for two comparisons.
"""

from collections.abc import Callable

from agents.sidecar.engine.http2.limits import Meter

CONNECTIONS = "connections-limit"
REQUESTS = "requests-limit"
BYTES = "buffer-limit"
STREAMS = "streams-limit"
SPARE = 64  # descriptors for logs, the control plane and the admin port


def _none() -> int:
    return 0


class Bounds(Meter):
    """The limits of one process, and its gauges that nothing else keeps. As a Meter it adds up what waits."""

    __slots__ = ("clients", "connections", "refused", "requests", "streams", "waited")

    def __init__(
        self, connections: int = 50_000, requests: int = 100_000, waited: int = 256 << 20, streams: int = 2000
    ) -> None:
        super().__init__()
        self.connections = connections  # of clients, those inside the mesh's connections included
        self.requests = requests  # in flight
        self.waited = waited  # bytes that may wait for slow readers
        self.streams = streams  # that one HTTP/2 client may have open
        self.clients: Callable[[], int] = _none  # how many connections there are now
        self.refused = {CONNECTIONS: 0, REQUESTS: 0, BYTES: 0, STREAMS: 0}


def affordable(connections: int, descriptors: int) -> int:
    """Return how many connections fit a limit on descriptors: a quarter stays free for the other side of each."""
    return max(1, min(connections, (descriptors - SPARE) * 3 // 4))
