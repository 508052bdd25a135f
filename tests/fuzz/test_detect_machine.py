"""Detection as a client that begins to speak: pieces of any size, pauses between them, and a time limit.

Whoever is told what it speaks gets every byte once and in order, and the answer is the one for the same bytes in any
other pieces; after the time limit it is what `conclude` says of what had come by then.
"""

from typing import Any
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agents.sidecar.engine.detect import Detected, Kind, conclude, detect
from agents.sidecar.engine.exchange import OUTBOUND
from agents.sidecar.engine.stack import Stack
from agents.sidecar.host import serve
from agents.sidecar.host.host import Host
from agents.sidecar.state.doors import Door
from tests.fuzz.seeds import seeds
from tests.support.playbook import SERVICE, Clock, Dials, Side, endpoints, make_runtime

BEGINNINGS = st.sampled_from([*seeds("detection"), b"", b"\r\n", b"\r\n\r\n"]) | st.binary(max_size=60)
MORE = st.binary(max_size=30) | st.sampled_from([b"\r\n", b" HTTP/1.1\r\n", b"x" * 9000, b"\r\n" * 9000])
SIZES = st.sampled_from([1, 1, 1, 2, 3, 7, 40, 1000, 100_000])
LIMIT_S = make_runtime().rules.detect_timeout_s


class Answered:
    """What answers for a connection once it is known what it speaks."""

    def __init__(self) -> None:
        self.received = b""

    def connection_made(self, transport: Any) -> None:
        assert not self.received

    def data_received(self, data: bytes) -> None:
        self.received += data


def first(data: bytes, size: int) -> Kind:
    """Return what is found out first if the bytes come in pieces of one size."""
    for end in range(size, len(data) + size, size):
        if (kind := detect(data[:end]).kind) is not Kind.MORE:
            return kind
    return Kind.MORE


class Arriving(RuleBasedStateMachine):
    """One client; `unsent` is on its way, `arrived` is here."""

    def __init__(self) -> None:
        super().__init__()
        self.unsent = b""
        self.arrived = b""
        self.detected: list[tuple[Kind, bytes]] = []  # and what had come by then
        self.late = False  # the time limit came first
        self.waited = 0.0
        self.answered = Answered()
        self.patch = mock.patch.object(serve, "plain", self._plain)
        self.patch.start()
        clock = self.clock = Clock()
        host = Host(make_runtime(), clock, Dials(clock), lambda: 0.0)  # type: ignore[arg-type]
        door = Door(OUTBOUND, Stack(), service=SERVICE, target=endpoints("10.0.0.1:80"))
        self.peeking = serve.Peeking(host, None, door, "")  # type: ignore[arg-type]
        self.client = Side(self.peeking)
        self.peeking.take(self.client, b"")

    def _plain(self, host: Host, makers: object, door: Door, address: str, detected: Detected) -> Answered:
        self.detected.append((detected.kind, self.arrived))
        return self.answered

    @rule(data=BEGINNINGS)
    @precondition(lambda self: not self.unsent and not self.arrived)
    def begin(self, data: bytes) -> None:
        self.unsent += data

    @rule(data=MORE)
    def say_more(self, data: bytes) -> None:
        self.unsent += data

    @rule(size=SIZES)
    @precondition(lambda self: self.unsent)
    def arrive(self, size: int) -> None:
        data, self.unsent = self.unsent[:size], self.unsent[size:]
        self.arrived += data
        self.client >> data

    @rule(share=st.sampled_from([1 / 64, 0.25, 0.5, 1.0]))
    def pause(self, share: float) -> None:
        before = bool(self.detected)
        self.clock.advance(LIMIT_S * share)
        self.waited += LIMIT_S * share
        self.late = self.late or (bool(self.detected) and not before)

    @invariant()
    def every_byte_once_and_in_order(self) -> None:
        assert len(self.detected) <= 1
        assert self.answered.received == (self.arrived if self.detected else b"")

    @invariant()
    def known_as_soon_as_it_can_be(self) -> None:
        if not self.detected:
            assert detect(self.arrived).kind is Kind.MORE
            assert self.waited < LIMIT_S

    def teardown(self) -> None:
        self.patch.stop()
        if not self.detected:
            return
        kind, had = self.detected[0]
        if self.late:
            assert kind is conclude(had).kind
            return
        for size in (1, 2, 7, 100_000):
            other = first(had, size) if len(had) < 2000 or size > 2 else kind
            assert kind is (Kind.TLS if other is Kind.MESH else other), size  # nobody speaks to the mesh in a tunnel


TestArriving = Arriving.TestCase
TestArriving.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)
