"""Success or failure: the one place where it is decided (design, section 4). Counters and taps carry the answer on.

stages/measure asks once for each kind of outcome, when it makes the cell that such exchanges are counted in. HTTP 5xx
and transport errors fail. A gRPC call fails on the six codes that mean the server or the way to it is at fault, and
when its stream ended without a status. An answer 4xx is the client's doing and no failure; neither is a client that
hangs up while it is being answered, as every reader of an endless stream does some day.
"""

from agents.sidecar.engine.exchange import FAILURE, GRPC, SUCCESS

# Unknown, DeadlineExceeded, PermissionDenied, Internal, Unavailable, DataLoss
GRPC_FAILURES = frozenset((2, 4, 7, 13, 14, 15))


def classify(protocol: int, status: int, grpc_status: int | None, error: str) -> int:
    """Return the class of what ended so."""
    if protocol == GRPC:
        failed = grpc_status is None or grpc_status in GRPC_FAILURES
    else:
        broken = error not in ("", "client-closed")
        failed = status >= 500 or status == 0 or (broken and status < 400)
    return FAILURE if failed else SUCCESS
