"""Broken HTTP/2: counted by kind, of which there is only so much."""

from agents.sidecar.state.lines import QUIET_S
from agents.sidecar.state.violations import MOST, OTHER, Violation, Violations

PINGS = Violation("inbound", "src", "ENHANCE_YOUR_CALM", "pings")


def test_every_one_is_counted_and_few_are_said() -> None:
    violations = Violations()
    assert violations.count(PINGS, 0.0) == 1
    assert [violations.count(PINGS, 1.0) for _ in range(3)] == [0, 0, 0]
    assert violations.count(PINGS._replace(direction="outbound"), 1.0) == 1
    assert violations.count(PINGS, QUIET_S) == 4
    assert violations.counts[PINGS] == 5


def test_reasons_without_end_share_what_is_left() -> None:
    violations = Violations()
    said = [violations.count(PINGS._replace(reason=str(n)), 0.0) for n in range(MOST + 50)]
    assert said == [1] * (MOST + 1) + [0] * 49
    assert len(violations.counts) == MOST + 1
    assert violations.counts[PINGS._replace(reason=OTHER)] == 50
    assert violations.count(PINGS._replace(reason="3"), QUIET_S) == 1  # known before
