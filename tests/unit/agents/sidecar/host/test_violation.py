"""A connection's end is counted by what it was, and said with who it was and how often."""

import logging

import pytest

from agents.sidecar.engine.exchange import INBOUND, OUTBOUND
from agents.sidecar.engine.http2 import wire
from agents.sidecar.host.violation import DST, SRC, report
from agents.sidecar.state.certs import Certs
from agents.sidecar.state.peers import Peer
from agents.sidecar.state.runtime import Runtime
from agents.sidecar.state.violations import Violation


class Draining:
    draining = False

    def begin(self) -> None:
        """It goes on."""


@pytest.fixture
def runtime() -> Runtime:
    log = logging.getLogger("test")
    return Runtime(me=Peer(), boot_id="", counters=None, taps=None, certs=Certs(), drain=Draining(), log=log)


def test_a_line_names_who_and_why(runtime: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        report(runtime, INBOUND, SRC, Peer(address="10.0.0.1:5"), wire.ENHANCE_YOUR_CALM, "rapid resets")
    kind = Violation("inbound", "src", "ENHANCE_YOUR_CALM", "rapid-resets")
    assert runtime.violations.counts == {kind: 3}
    (line,) = caplog.records
    assert line.getMessage() == "ended HTTP/2 with 10.0.0.1:5: rapid resets (ENHANCE_YOUR_CALM)"
    assert line.fields == {**kind._asdict(), "who": "10.0.0.1:5", "count": 1}  # type: ignore[attr-defined]


def test_a_sidecar_is_called_by_its_identity(runtime: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    peer = Peer(identity="spiffe://local/ns/a/sa/b", address="10.0.0.1:5")
    report(runtime, OUTBOUND, DST, peer, wire.PROTOCOL_ERROR, "reset of an idle stream")
    assert list(runtime.violations.counts) == [
        Violation("outbound", "dst", "PROTOCOL_ERROR", "reset-of-an-idle-stream")
    ]
    (line,) = caplog.messages
    assert line.startswith("ended HTTP/2 with spiffe://local/ns/a/sa/b at 10.0.0.1:5: reset of an idle stream")
