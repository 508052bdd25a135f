"""The tap stage: asleep while nobody looks or has a share, awake while somebody does."""

from collections.abc import Callable
from math import inf
from typing import Any

from agents.sidecar.engine.exchange import HTTP1, INBOUND, Exchange
from agents.sidecar.engine.stack import Stack
from agents.sidecar.stages.tap import Tap
from agents.sidecar.state.peers import Peer


class Taps:
    def __init__(self) -> None:
        self.asleep = False
        self.closed = -inf
        self.watchers: list[Callable[[], None]] = []
        self.calls: list[str] = []

    def head(self, x: Exchange) -> None:
        self.calls.append("head")
        x.tap = self

    def reply(self, x: Exchange) -> None:
        self.calls.append("reply")

    def end(self, x: Exchange) -> None:
        self.calls.append("end")


def exchange() -> Exchange:
    return Exchange(INBOUND, HTTP1, Peer(), 50.0)


def run(taps: Any, x: Exchange) -> None:
    stack = Stack(Tap(taps))
    stack.head(x)
    stack.reply(x)
    stack.end(x)


def test_all_three_moments_are_told() -> None:
    taps = Taps()
    run(taps, exchange())
    assert taps.calls == ["head", "reply", "end"]


def test_it_sleeps_while_there_is_nothing_to_see() -> None:
    taps: Any = Taps()
    taps.asleep = True
    stage = Tap(taps)
    woken: list[bool] = []
    stage.watch(lambda: woken.append(stage.asleep))
    assert stage.asleep
    taps.asleep = False
    for changed in taps.watchers:
        changed()
    assert woken == [False]


def test_what_began_before_a_share_is_there_is_not_looked_at() -> None:
    taps = Taps()
    taps.closed = 50.001
    run(taps, exchange())
    assert taps.calls == []


def test_what_was_held_is_looked_at_however_long_ago_it_began() -> None:
    taps: Any = Taps()
    taps.closed = 50.001
    x = exchange()
    x.held = 3
    Tap(taps).on_head(x)
    assert taps.calls == ["head"]


def test_what_was_refused_on_the_way_here_is_shown_with_its_answer() -> None:
    taps: Any = Taps()
    stack = Stack(Tap(taps))
    x = exchange()
    x.error = "requests-limit"
    stack.reply(x)
    stack.end(x)
    assert taps.calls == ["head", "reply", "end"]
