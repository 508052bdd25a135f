"""Version skew is one line that says which side is older."""

from meshcore.wire.version import PROTOCOL, VERSION, skew


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
