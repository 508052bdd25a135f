"""Rounds become medians; who takes part depends on the row."""

import pytest

from tests.bench.load import Outcome
from tests.bench.measure import Samples, summary
from tests.bench.rows import ROWS
from tests.bench.side import Side, Usage

ROW = {row.name: row for row in ROWS}


def outcome(requests=1000, errors=0, p99=2.0, said=""):
    return Outcome(requests, errors, 2.0, 1.0, p99, 3.0, said, late_p99_ms=0.25)


def samples():
    made = Samples(Usage(30000.4, 20000.0))
    made.cpu_us = [10.0, 99.0, 12.0]
    made.closed = [outcome(), outcome(4000), outcome(2000)]
    made.paced_cpu_us = [50.0, 60.0, 70.0]
    made.paced_waited_us = [1.0, 9.0, 2.0]
    made.paced = [outcome(p99=2.0), outcome(p99=80.0, errors=2, said="closed"), outcome(p99=3.0)]
    made.loaded = [Usage(40000.0, 25000.0), Usage(39000.0, 26000.0)]
    return made


def test_medians():
    found = summary(ROW["http1"], samples(), {"p50_ms": 0.25, "p99_ms": 1.0, "p999_ms": 3.5})
    assert (found["cpu_us"], found["rate"], found["p99_ms"]) == (12.0, 1000.0, 3.0)
    assert (found["added_p50_ms"], found["added_p99_ms"], found["added_p999_ms"]) == (0.75, 2.0, -0.5)
    assert (found["paced_waited_us"], found["late_p99_ms"]) == (2.0, 0.25)
    assert (found["requests"], found["errors"], found["said"]) == (10000, 2, "closed")


def test_memory_under_load_is_the_most_that_was_seen():
    found = summary(ROW["http1"], samples(), None)
    assert (found["idle_resident_kib"], found["idle_private_kib"]) == (30000, 20000)
    assert (found["loaded_resident_kib"], found["loaded_private_kib"]) == (40000, 26000)


def test_bytes_are_told_by_the_mebibyte():
    # 16 messages of 64 KiB
    assert summary(ROW["tcp"], samples(), None)["rate"] == pytest.approx(1000 / 16, abs=0.1)


def test_a_row_without_a_fixed_rate_tells_no_latency():
    made = samples()
    made.paced = []
    assert [name for name in summary(ROW["tcp"], made, None) if "p99" in name] == ["closed_p99_ms"]


def test_a_state_that_a_side_does_not_have(tmp_path):
    with pytest.raises(ValueError, match="no state 'tap'"):
        Side(tmp_path).arrange("tap")
