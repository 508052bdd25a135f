import pytest

from agents.launcher.duration import seconds


@pytest.mark.parametrize(("text", "expected"), [("30s", 30), ("500ms", 0.5), ("2m", 120), ("1.5h", 5400), (7, 7)])
def test_lengths_of_time(text: str | float, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "s", "5", "5x", "-5s", "1m30s"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="is no length of time"):
        seconds(text)
