"""Durations: Go's grammar, in ms."""

import pytest

from meshtui.cli.duration import parse_duration
from meshtui.cli.fault import Fault


@pytest.mark.parametrize(
    ("text", "ms"), [("30s", 30_000), ("1m", 60_000), ("1m30s", 90_000), ("500ms", 500), ("1.5h", 5_400_000)]
)
def test_durations(text: str, ms: int) -> None:
    assert parse_duration(text, "-t") == ms


@pytest.mark.parametrize("text", ["", "5", "s", "5x", "-5s", "5s!", "0s", "1 m"])
def test_anything_else_names_the_flag(text: str) -> None:
    with pytest.raises(Fault, match="--window .* is not a duration; write for example 30s"):
        parse_duration(text, "--window")


def test_one_that_no_question_can_carry_is_told_the_longest() -> None:
    with pytest.raises(Fault, match="--window '8760h' is longer than any duration here; write 1193h at most"):
        parse_duration("8760h", "--window")
