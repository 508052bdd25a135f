"""What a Tally refuses. How it adds is in test_report, with the reports that it reads."""

import pytest

from agents.sidecar.crew.tally import Tally
from agents.sidecar.state.bounds import Bounds
from agents.sidecar.state.counters import Counters
from meshcore.wire import stats_pb2, worker_pb2


def test_a_delta_of_a_key_that_was_never_told_is_an_error_and_not_a_guess():
    report = worker_pb2.WorkerReport(stats=stats_pb2.StatsReport(http=[stats_pb2.HttpDelta(key=7, count=1)]))
    with pytest.raises(KeyError):
        Tally(Counters(), Bounds()).take(report)
