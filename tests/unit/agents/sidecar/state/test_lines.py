"""Lines of log: the first at once, the next after a while, with the number of those that were not said."""

from agents.sidecar.state.lines import QUIET_S, Lines


def test_a_line_tells_how_many_it_is_about() -> None:
    lines = Lines()
    assert lines.due(("a",), 1, 100.0) == 1
    assert [lines.due(("a",), total, 100.0 + total) for total in range(2, 6)] == [0] * 4
    assert lines.due(("a",), 6, 100.0 + QUIET_S) == 5
    assert lines.due(("a",), 7, 101.0 + QUIET_S) == 0


def test_one_thing_does_not_silence_another() -> None:
    lines = Lines()
    assert lines.due(("a",), 1, 0.0) == 1
    assert lines.due(("a", "b"), 1, 0.0) == 1
