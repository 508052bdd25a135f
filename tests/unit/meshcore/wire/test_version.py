"""Version skew is one line that says which side is older."""

import pytest

from meshcore.wire.version import OLDEST, PROTOCOL, VERSION, meet, skew


def test_the_same_version_is_silent() -> None:
    assert skew(PROTOCOL, PROTOCOL, 1, VERSION) is None


def test_a_newer_server_that_still_speaks_ours_is_silent() -> None:
    assert skew(1, 3, 1, "0.3.0") is None


def test_a_newer_client_says_what_to_upgrade() -> None:
    line = skew(2, 1, 1, "0.0.9")
    assert line is not None
    assert "newer than the control plane (0.0.9)" in line
    assert "\n" not in line


def test_an_older_client_says_what_to_upgrade() -> None:
    line = skew(1, 5, 3, "0.5.0")
    assert line is not None
    assert "too old for the control plane (0.5.0)" in line


@pytest.mark.parametrize(
    ("highest", "oldest", "have_one"),
    [
        (PROTOCOL, OLDEST, True),
        (PROTOCOL, 0, True),  # who does not say speaks one only
        (PROTOCOL + 1, PROTOCOL, True),
        (PROTOCOL + 1, 0, False),
        (PROTOCOL + 2, PROTOCOL + 1, False),
        (OLDEST, OLDEST - 1, True),
        (OLDEST - 1, 0, False),
    ],
)
def test_two_ends_need_one_protocol_in_common(highest: int, oldest: int, have_one: bool) -> None:
    assert meet(highest, oldest) is have_one
