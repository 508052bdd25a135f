"""What fails and what does not: the one table."""

import pytest

from agents.sidecar.engine.classify import classify
from agents.sidecar.engine.exchange import FAILURE, GRPC, HTTP1, SUCCESS


@pytest.mark.parametrize(
    ("protocol", "status", "grpc_status", "error", "expected"),
    [
        (HTTP1, 200, None, "", SUCCESS),
        (HTTP1, 101, None, "", SUCCESS),
        (HTTP1, 404, None, "", SUCCESS),
        (HTTP1, 429, None, "", SUCCESS),
        (HTTP1, 499, None, "", SUCCESS),
        (HTTP1, 500, None, "", FAILURE),
        (HTTP1, 503, None, "no-endpoints", FAILURE),
        (HTTP1, 599, None, "", FAILURE),
        (HTTP1, 0, None, "client-closed", FAILURE),
        (HTTP1, 200, None, "client-closed", SUCCESS),  # in the middle of the answer
        (HTTP1, 200, None, "upstream-closed", FAILURE),
        (HTTP1, 400, None, "bad-head", SUCCESS),
        (GRPC, 200, 0, "", SUCCESS),
        (GRPC, 200, 1, "", SUCCESS),  # Cancelled
        (GRPC, 200, 5, "", SUCCESS),  # NotFound
        (GRPC, 200, 8, "", SUCCESS),  # ResourceExhausted
        (GRPC, 200, 16, "", SUCCESS),  # Unauthenticated
        (GRPC, 200, 2, "", FAILURE),
        (GRPC, 200, 4, "", FAILURE),
        (GRPC, 200, 7, "", FAILURE),
        (GRPC, 200, 13, "", FAILURE),
        (GRPC, 200, 14, "", FAILURE),
        (GRPC, 200, 15, "", FAILURE),
        (GRPC, 200, None, "", FAILURE),  # ended without a status
        (GRPC, 503, None, "", FAILURE),
    ],
)
def test_table(protocol: int, status: int, grpc_status: int | None, error: str, expected: int) -> None:
    assert classify(protocol, status, grpc_status, error) == expected
