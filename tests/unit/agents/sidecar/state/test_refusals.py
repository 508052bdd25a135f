"""Refusals: every one is counted, few are said, and those left unsaid are told with the next."""

import pytest

from agents.sidecar.state.lines import QUIET_S
from agents.sidecar.state.refusals import EXPIRED, FOREIGN, REASONS, Refusals


def test_the_first_is_said_at_once_and_the_next_after_a_while_with_the_number() -> None:
    refusals = Refusals()
    assert refusals.count("inbound", EXPIRED, 100.0) == 1
    assert [refusals.count("inbound", EXPIRED, 100.0 + n / 100) for n in range(5)] == [0] * 5
    assert refusals.count("inbound", EXPIRED, 100.0 + QUIET_S) == 6
    assert refusals.count("inbound", EXPIRED, 101.0 + QUIET_S) == 0
    assert refusals.counts["inbound", EXPIRED] == 8


def test_reasons_and_directions_do_not_silence_each_other() -> None:
    refusals = Refusals()
    assert refusals.count("inbound", EXPIRED, 0.0) == 1
    assert refusals.count("inbound", FOREIGN, 0.0) == 1
    assert refusals.count("outbound", EXPIRED, 0.0) == 1


def test_all_series_exist_from_the_start_and_no_other_ever() -> None:
    refusals = Refusals()
    assert set(refusals.counts) == {(way, reason) for way in ("inbound", "outbound") for reason in REASONS}
    assert not any(refusals.counts.values())
    with pytest.raises(KeyError):
        refusals.count("inbound", "because", 0.0)
