"""Durations, in Go's grammar."""

import pytest

from meshcore.wire import stats_pb2
from meshcore.wire.duration import milliseconds


@pytest.mark.parametrize(("text", "ms"), [("30s", 30_000), ("1m30s", 90_000), ("500ms", 500), ("1.5h", 5_400_000)])
def test_a_duration_is_its_milliseconds(text: str, ms: int) -> None:
    assert milliseconds(text) == ms


@pytest.mark.parametrize("text", ["", "0s", "5", "5d", "-1s", "1m 30s", "s"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        milliseconds(text)


def test_a_number_without_end_is_refused_without_waiting() -> None:
    """Whoever may make a pod may write so much into an annotation, and the injector reads it."""
    with pytest.raises(ValueError, match="not a duration"):
        milliseconds("1" * 250_000)


@pytest.mark.parametrize("text", ["1194h", "2562047h", "9" * 400 + "h"])
def test_what_no_field_of_the_wire_holds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is longer than any duration here; write 1193h at most"):
        milliseconds(text)


def test_the_longest_fits_the_wire() -> None:
    assert stats_pb2.Window(length_ms=milliseconds("1193h")).length_ms == 1193 * 3_600_000
