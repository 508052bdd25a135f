"""What a Tally refuses. How it adds is in test_report, with the reports that it reads."""

import logging

import pytest

from agents.runtime.drain import Drain
from agents.sidecar.crew.tally import Tally
from agents.sidecar.state.certs import Certs
from agents.sidecar.state.counters import Counters
from agents.sidecar.state.peers import Peer
from agents.sidecar.state.runtime import Runtime
from agents.sidecar.state.taps import Taps
from meshcore.wire import stats_pb2, worker_pb2


def test_a_delta_of_a_key_that_was_never_told_is_an_error_and_not_a_guess():
    me = Peer()
    lead = Runtime(me, "b", Counters(), Taps(me, "b", lambda: 0.0), Certs(), Drain(), logging.getLogger("test"))
    report = worker_pb2.WorkerReport(stats=stats_pb2.StatsReport(http=[stats_pb2.HttpDelta(key=7, count=1)]))
    with pytest.raises(KeyError):
        Tally(lead).take(report)
