"""Exchanges: what is looked up late, and the Stack's order and verdicts."""

import pytest

from agents.sidecar.engine.exchange import HTTP1, INBOUND, Exchange, Pairs
from agents.sidecar.engine.stack import HOLD, Reply, Stack, Verdict
from agents.sidecar.state.peers import Peer


def make() -> Exchange:
    return Exchange(INBOUND, HTTP1, Peer(), 1.0)


@pytest.mark.parametrize(
    ("headers", "trace"),
    [
        ([], ""),
        (
            [(b"traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")],
            "4bf92f3577b34da6a3ce929d0e0e4736",
        ),
        ([(b"x-b3-traceid", b"463ac35c9f6413ad48485a3953bb6124")], "463ac35c9f6413ad48485a3953bb6124"),
        ([(b"b3", b"463ac35c9f6413ad-0020000000000001-1")], "463ac35c9f6413ad"),
        ([(b"b3", b"0")], ""),
        ([(b"traceparent", b"nonsense")], ""),
    ],
)
def test_trace_id(headers: list[tuple[bytes, bytes]], trace: str) -> None:
    x = make()
    x.request = Pairs(headers)
    assert x.trace_id == trace


def test_headers() -> None:
    x = make()
    x.request = Pairs([(b"a", b"1"), (b"a", b"2")])
    assert (x.header(b"a"), x.header(b"b")) == (b"1", None)
    assert len(x.headers()) == 2
    assert (x.reply_header(b"a"), list(x.reply_headers())) == (None, [])


class Stage:
    def __init__(self, log: list[str], name: str, *verdicts: Verdict) -> None:
        self._log = log
        self._name = name
        self._verdicts = list(verdicts)

    def on_head(self, x: Exchange) -> Verdict:
        self._log.append(f"head {self._name}")
        return self._verdicts.pop(0) if self._verdicts else None

    def on_end(self, x: Exchange) -> None:
        self._log.append(f"end {self._name}")


def test_hooks_run_in_order() -> None:
    log: list[str] = []
    stack = Stack(Stage(log, "a"), Stage(log, "b"))
    x = make()
    assert stack.head(x) is None
    stack.reply(x)
    stack.end(x)
    assert log == ["head a", "head b", "end a", "end b"]


def test_a_held_exchange_goes_on_where_it_was_held() -> None:
    log: list[str] = []
    stack = Stack(Stage(log, "a"), Stage(log, "b", HOLD), Stage(log, "c"))
    x = make()
    assert stack.head(x) is HOLD
    assert stack.head(x) is None
    assert log == ["head a", "head b", "head b", "head c"]


def test_a_reply_ends_the_run() -> None:
    log: list[str] = []
    answer = Reply(403, "denied")
    assert Stack(Stage(log, "a", answer), Stage(log, "b")).head(make()) is answer
    assert log == ["head a"]
