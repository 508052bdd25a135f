"""One request and its response, as every stage, counter and tap sees it, whatever the protocol.

The hosts of HTTP/1 and HTTP/2 make one per request and hand it to the Stack. Names and values of heads stay bytes.
No I/O, and nothing that is not known at a hook's time: a field that is not yet known has its neutral value.
"""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from agents.sidecar.state.endpoints import Endpoint, EndpointSet
from agents.sidecar.state.peers import UNKNOWN_SERVICE, Link, Peer, ServiceKey

INBOUND, OUTBOUND = 1, 2  # common.proto, Direction
HTTP1, HTTP2, GRPC, TCP, TLS_PASSTHROUGH = 1, 2, 3, 4, 5  # common.proto, Protocol
UNCLASSIFIED, SUCCESS, FAILURE = 0, 1, 2  # common.proto, Class


class Headers(Protocol):
    """The fields of one head: parsed lines of HTTP/1, or HPACK's pairs. Names are asked for in lower case."""

    def get(self, name: bytes, /) -> bytes | None: ...

    def pairs(self) -> Sequence[tuple[bytes, bytes]]: ...


class Pairs:
    """Headers that came as pairs."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        self._pairs = pairs

    def get(self, name: bytes) -> bytes | None:
        """Return the first value of a field, or None."""
        for key, value in self._pairs:
            if key == name:
                return value
        return None

    def pairs(self) -> Sequence[tuple[bytes, bytes]]:
        return self._pairs


class Tapped(Protocol):
    """What a tap leaves with the exchanges that it shows."""

    def reply(self, x: "Exchange", /) -> None:
        """The response's head has come."""

    def end(self, x: "Exchange", /) -> None:
        """It is over, and has been counted."""


NO_HEADERS = Pairs(())


def _nothing() -> None:
    """Nobody waits."""


class Exchange:
    """A request on its way. `link` is the counted edge, `endpoint` where it goes, `target` what it may choose from."""

    __slots__ = (
        "_trace_id",
        "attempt",
        "authority",
        "classification",
        "client",
        "connection",
        "deadline",
        "direction",
        "ended",
        "endpoint",
        "error",
        "grpc_message",
        "grpc_status",
        "held",
        "link",
        "method",
        "path",
        "port",
        "protocol",
        "replied",
        "request",
        "request_bytes",
        "reset_code",
        "response",
        "response_bytes",
        "resume",
        "route",
        "scheme",
        "server",
        "service",
        "started",
        "status",
        "stream",
        "tap",
        "target",
        "trailers",
    )

    def __init__(self, direction: int, protocol: int, client: Peer, started: float) -> None:
        self.direction = direction
        self.protocol = protocol  # HTTP1, HTTP2 or GRPC
        self.client = client
        self.started = started  # time.perf_counter(), as are replied and ended
        self.server: Peer | None = None  # outbound: who `endpoint` is. Inbound it is this workload.
        self.service: ServiceKey = UNKNOWN_SERVICE
        self.port = 0
        self.target: EndpointSet | None = None  # outbound only
        self.endpoint: Endpoint | None = None
        self.link: Link | None = None
        self.method = b""
        self.scheme = b"http"
        self.authority = b""
        self.path = b""
        self.request: Headers = NO_HEADERS
        self.response: Headers = NO_HEADERS
        self.trailers: Sequence[tuple[bytes, bytes]] = ()
        self.route = ""
        self.replied = 0.0  # when the response's head came; 0: it has not
        self.ended = 0.0
        self.status = 0  # 0: no response was had
        self.grpc_status: int | None = None
        self.grpc_message = ""
        self.classification = UNCLASSIFIED
        self.error = ""  # why there was no complete response, in one word
        self.reset_code: int | None = None
        self.request_bytes = 0  # of bodies
        self.response_bytes = 0
        self.attempt = 1
        self.connection = 0  # unique in this process, with stream
        self.stream = 0
        self.deadline = 0.0  # perf_counter() by which it must end; 0: none. The host keeps it.
        self.held = 0  # at which hook the Stack goes on
        self.resume: Callable[[], None] = _nothing  # set by the host, at the latest when it is held
        self.tap: Tapped | None = None
        self._trace_id: str | None = None

    def wake(self) -> None:
        """Go on: what a stage that holds an exchange leaves with whoever knows when."""
        self.resume()

    def header(self, name: bytes) -> bytes | None:
        """Return a request header's first value; the name is lower case."""
        return self.request.get(name)

    def headers(self) -> Sequence[tuple[bytes, bytes]]:
        return self.request.pairs()

    def reply_header(self, name: bytes) -> bytes | None:
        """Return a response header's first value; the name is lower case."""
        return self.response.get(name)

    def reply_headers(self) -> Sequence[tuple[bytes, bytes]]:
        return self.response.pairs()

    def request_id(self, boot_id: str) -> str:
        """Return an id that no other request of any sidecar has."""
        return f"{boot_id}-{self.connection:x}-{self.stream:x}"

    @property
    def wall_us(self) -> int:
        """Unix time of the request's head, in µs."""
        return int((time.time() - time.perf_counter() + self.started) * 1e6)

    @property
    def trace_id(self) -> str:
        """The trace it belongs to, from W3C `traceparent` or B3; empty if none. Looked up when first asked for."""
        if self._trace_id is None:
            self._trace_id = _trace_id(self.request)
        return self._trace_id


def _trace_id(head: Headers) -> str:
    parent = head.get(b"traceparent")
    if parent is not None:
        parts = parent.split(b"-")
        if len(parts) >= 4 and len(parts[1]) == 32:
            return parts[1].decode("latin-1")
    b3 = head.get(b"x-b3-traceid") or (head.get(b"b3") or b"").split(b"-")[0]
    return b3.decode("latin-1") if len(b3) in (16, 32) else ""
