"""What is measured: the rows of the benchmark, each a load over one kind of way, with the goals it has to meet."""

from typing import NamedTuple

ROUTES = 100
MEBI = 1 << 20
RATE = 1000  # questions a second, where latency is measured; what carries much is asked less often
BARE = "bare"  # HTTP again, on a port of its own
TAP, ROUTED = "tap", "routes"  # states that a row puts ours in


class Way(NamedTuple):
    """What stands between client and origin."""

    kind: str  # of the origin's ports: "http", "grpc", "websocket" or "tcp"
    pair: bool  # two proxies with mutual TLS between them, or one before the origin
    routes: int = 0  # of this port; that of BARE has none


class Goals(NamedTuple):
    """What ours has to be, beside the best of its kind or in milliseconds; None: no goal."""

    cpu: float | None = None
    added_p99_ms: float | None = None
    private: float | None = None
    resident: float | None = None
    state: float | None = None  # cost with the row's state on, beside that with it off


class Row(NamedTuple):
    """One row."""

    name: str
    load: str  # a dialect
    way: Way
    unit: str = "request"
    size: int = 0  # of a body, or of a message
    rate: int = RATE  # questions a second, where latency is measured
    state: str = ""  # TAP or ROUTED: ours is measured with and without it
    goals: Goals = Goals()

    @property
    def per(self) -> float:
        """Return how many of the load's questions make one unit."""
        return MEBI / self.size if self.unit == "MiB" else 1.0


def _memory(cpu: float, added_p99_ms: float) -> Goals:
    return Goals(cpu, added_p99_ms, private=1.0, resident=0.5)


ROWS = (
    Row("http1", "http", Way("http", pair=False), goals=_memory(0.6, 1.0)),
    Row("http1-mtls", "http", Way("http", pair=True), goals=_memory(0.65, 2.0)),
    Row("grpc", "grpc", Way("grpc", pair=False), goals=_memory(0.6, 1.0)),
    Row("grpc-mtls", "grpc", Way("grpc", pair=True), goals=_memory(0.7, 2.0)),
    Row("stream", "stream", Way("grpc", pair=False), "message"),
    Row("stream-mtls", "stream", Way("grpc", pair=True), "message"),
    Row("websocket", "websocket", Way("websocket", pair=False), "message"),
    Row("websocket-mtls", "websocket", Way("websocket", pair=True), "message"),
    Row("tcp", "tcp", Way("tcp", pair=False), "MiB", size=1 << 16, rate=200),
    Row("tcp-mtls", "tcp", Way("tcp", pair=True), "MiB", size=1 << 16, rate=200),
    Row("body-1k", "http", Way("http", pair=False), size=1 << 10),
    Row("body-1m", "http", Way("http", pair=False), size=MEBI, rate=50),
    Row("tap", "http", Way("http", pair=False), state=TAP, goals=Goals(state=1.05)),
    Row("routes", "http", Way("http", pair=False, routes=ROUTES), state=ROUTED, goals=Goals(state=1.1)),
)
