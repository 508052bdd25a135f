"""Success or failure: the one place where it is decided (design, section 4). Counters and taps carry the answer on.

HTTP 5xx and transport errors fail. A gRPC call fails on the six codes that mean the server or the way to it is at
fault, and when its stream ended without a status. An answer 4xx is the client's doing and no failure; neither is a
client that hangs up while it is being answered, as every reader of an endless stream does some day.
"""

from agents.sidecar.engine.exchange import FAILURE, GRPC, SUCCESS, Exchange

# Unknown, DeadlineExceeded, PermissionDenied, Internal, Unavailable, DataLoss
GRPC_FAILURES = frozenset((2, 4, 7, 13, 14, 15))


class Classify:
    """Sets `classification` when an exchange ends."""

    __slots__ = ()

    def on_end(self, x: Exchange) -> None:
        if x.protocol == GRPC:
            failed = x.grpc_status is None or x.grpc_status in GRPC_FAILURES
        else:
            broken = x.error not in ("", "client-closed")
            failed = x.status >= 500 or x.status == 0 or (broken and x.status < 400)
        x.classification = FAILURE if failed else SUCCESS
