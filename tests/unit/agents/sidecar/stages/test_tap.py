"""The tap stage: asleep while nobody looks, awake while somebody does, and quick while all have had their share."""

from collections.abc import Callable
from math import inf
from typing import Any

from agents.sidecar.engine.exchange import HTTP1, INBOUND, Exchange
from agents.sidecar.engine.stack import Stack
from agents.sidecar.stages.tap import Tap
from agents.sidecar.state.peers import Peer


class Taps:
    def __init__(self) -> None:
        self.active: tuple[int, ...] = ()
        self.closed = -inf
        self.dropped = 0
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
    taps.active = (1,)
    run(taps, exchange())
    assert taps.calls == ["head", "reply", "end"]


def test_it_sleeps_while_no_tap_is_on() -> None:
    taps: Any = Taps()
    stage = Tap(taps)
    woken: list[bool] = []
    stage.watch(lambda: woken.append(stage.asleep))
    assert stage.asleep
    taps.active = (1,)
    for changed in taps.watchers:
        changed()
    assert woken == [False]


def test_what_began_before_a_share_is_there_is_only_counted() -> None:
    taps = Taps()
    taps.active = (1, 2)
    taps.closed = 50.001
    run(taps, exchange())
    assert (taps.calls, taps.dropped) == ([], 2)


def test_what_was_held_is_looked_at_however_long_ago_it_began() -> None:
    taps: Any = Taps()
    taps.closed = 50.001
    x = exchange()
    x.held = 3
    Tap(taps).on_head(x)
    assert taps.calls == ["head"]


def test_what_was_refused_on_the_way_here_is_shown_with_its_answer() -> None:
    taps: Any = Taps()
    taps.active = (1,)
    stack = Stack(Tap(taps))
    x = exchange()
    x.error = "requests-limit"
    stack.reply(x)
    stack.end(x)
    assert taps.calls == ["head", "reply", "end"]
