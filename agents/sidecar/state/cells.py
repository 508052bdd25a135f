"""Cells: the slots that requests and connections are counted in, and what they gained since the last look.

state/counters hands them out, stages/measure and the hosts add to them directly.
"""

from errno import errorcode
from operator import sub
from typing import TYPE_CHECKING, NamedTuple

from meshcore.wire.buckets import SIZE

if TYPE_CHECKING:
    from agents.sidecar.state.counters import Edge


class HttpDelta(NamedTuple):
    """What one cell gained since the last drain."""

    cell: "HttpCell"
    requests: int
    buckets: list[int]  # indexes, sparse
    bucket_counts: list[int]
    latency_sum_ms: float
    request_bytes: int
    response_bytes: int


class HttpCell:
    """Requests of one edge that ended in the same way. `count` goes up when a request has ended."""

    __slots__ = (
        "buckets",
        "classification",
        "count",
        "drained_buckets",
        "drained_count",
        "drained_latency_sum_ms",
        "drained_request_bytes",
        "drained_response_bytes",
        "edge",
        "error",
        "grpc_status",
        "id",
        "latency_sum_ms",
        "protocol",
        "request_bytes",
        "response_bytes",
        "route",
        "status",
    )

    def __init__(
        self,
        id: int,
        edge: "Edge",
        route: str,
        protocol: int,
        status: int,
        grpc_status: int | None,
        classification: int,
        error: str,
    ) -> None:
        self.id = id
        self.edge = edge
        self.route = route
        self.protocol = protocol
        self.status = status
        self.grpc_status = grpc_status
        self.classification = classification
        self.error = error
        self.count = 0
        self.buckets = [0] * SIZE  # by wire.buckets.index(latency_ms)
        self.latency_sum_ms = 0.0
        self.request_bytes = 0
        self.response_bytes = 0
        self.drained_count = 0
        self.drained_buckets = [0] * SIZE
        self.drained_latency_sum_ms = 0.0
        self.drained_request_bytes = 0
        self.drained_response_bytes = 0

    def drain(self) -> HttpDelta:
        """Return what was gained since the last drain, and remember that it was told."""
        gained = list(map(sub, self.buckets, self.drained_buckets))
        indexes = [i for i, count in enumerate(gained) if count]
        counts = [gained[i] for i in indexes]
        delta = HttpDelta(
            self,
            self.count - self.drained_count,
            indexes,
            counts,
            self.latency_sum_ms - self.drained_latency_sum_ms,
            self.request_bytes - self.drained_request_bytes,
            self.response_bytes - self.drained_response_bytes,
        )
        self.drained_count = self.count
        self.drained_buckets[:] = self.buckets
        self.drained_latency_sum_ms = self.latency_sum_ms
        self.drained_request_bytes = self.request_bytes
        self.drained_response_bytes = self.response_bytes
        return delta


class TcpCell:
    """Connections of one edge and the bytes of those that carry no requests: read from the peer, written to the peer.

    Bytes of requests are in their cells; `Edge.moved` adds them up.
    """

    __slots__ = ("closed", "drained", "errors", "open", "opened", "read_bytes", "written_bytes")

    def __init__(self) -> None:
        self.opened = 0
        self.closed = 0
        self.open = 0
        self.read_bytes = 0
        self.written_bytes = 0
        self.errors: dict[str, int] = {}  # of those closed: by the name of the errno
        self.drained = (0, 0, 0, 0)

    def opening(self) -> None:
        """A connection was opened."""
        self.opened += 1
        self.open += 1

    def closing(self, errno: str = "") -> None:
        """A connection was closed; `errno` is the name of the error that ended it, such as ECONNRESET."""
        self.closed += 1
        self.open -= 1
        if errno:
            self.failed(errno, 1)

    def failed(self, errno: str, count: int) -> None:
        """So many of those closed were ended by an error."""
        if errno in self.errors or len(self.errors) < 20:
            self.errors[errno] = self.errors.get(errno, 0) + count


def errno_name(error: BaseException | None) -> str:
    """Return the name of the errno that ended a connection, such as ECONNRESET; empty if it ended well.

    A stream of the hop has none of its own: it was reset, or its reason is one word.
    """
    if not isinstance(error, OSError):
        return ""
    if error.errno is not None:
        return errorcode.get(error.errno, "")
    if isinstance(error, ConnectionResetError):
        return "ECONNRESET"
    if isinstance(error, TimeoutError):
        return "ETIMEDOUT"
    text = str(error)
    return text if " " not in text else ""
