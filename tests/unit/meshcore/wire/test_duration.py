"""Durations, in Go's grammar."""

import pytest

from meshcore.wire.duration import milliseconds


@pytest.mark.parametrize(("text", "ms"), [("30s", 30_000), ("1m30s", 90_000), ("500ms", 500), ("1.5h", 5_400_000)])
def test_a_duration_is_its_milliseconds(text: str, ms: int) -> None:
    assert milliseconds(text) == ms


@pytest.mark.parametrize("text", ["", "0s", "5", "5d", "-1s", "1m 30s", "s", "9" * 400 + "h", "2600000h"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        milliseconds(text)


def test_a_number_without_end_is_refused_without_waiting() -> None:
    """Whoever may make a pod may write so much into an annotation, and the injector reads it."""
    with pytest.raises(ValueError, match="not a duration"):
        milliseconds("1" * 250_000)
