"""The limits of one process."""

import pytest

from agents.sidecar.state.bounds import BYTES, CONNECTIONS, REQUESTS, STREAMS, Bounds, affordable


@pytest.mark.parametrize(
    ("wanted", "descriptors", "had"),
    [(50_000, 1 << 20, 50_000), (50_000, 1024, 720), (100, 1024, 100), (50_000, 64, 1)],
)
def test_connections_leave_descriptors_for_the_other_side_of_each(wanted: int, descriptors: int, had: int) -> None:
    assert affordable(wanted, descriptors) == had


def test_nothing_is_in_use_or_refused_at_first() -> None:
    bounds = Bounds()
    assert (bounds.clients(), bounds.waiting) == (0, 0)
    assert bounds.refused == {CONNECTIONS: 0, REQUESTS: 0, BYTES: 0, STREAMS: 0}
