"""The tap stage: nothing while nobody looks, all three moments while somebody does."""

from typing import Any

from agents.sidecar.engine.exchange import HTTP1, INBOUND, Exchange
from agents.sidecar.stages.tap import Tap
from agents.sidecar.state.peers import Peer


class Taps:
    def __init__(self) -> None:
        self.active: tuple[int, ...] = ()
        self.calls: list[str] = []

    def head(self, x: Exchange) -> None:
        self.calls.append("head")
        x.tap = object()

    def reply(self, x: Exchange) -> None:
        self.calls.append("reply")

    def end(self, x: Exchange) -> None:
        self.calls.append("end")


def run(taps: Any) -> None:
    stage = Tap(taps)
    x = Exchange(INBOUND, HTTP1, Peer(), 0.0)
    stage.on_head(x)
    stage.on_reply(x)
    stage.on_end(x)


def test_off_and_on() -> None:
    taps = Taps()
    run(taps)
    assert taps.calls == []
    taps.active = (1,)
    run(taps)
    assert taps.calls == ["head", "reply", "end"]


def test_what_was_refused_on_the_way_here_is_shown_with_its_answer() -> None:
    taps = Taps()
    taps.active = (1,)
    stage = Tap(taps)  # type: ignore[arg-type]
    x = Exchange(INBOUND, HTTP1, Peer(), 0.0)
    x.error = "requests-limit"
    stage.on_reply(x)
    stage.on_end(x)
    assert taps.calls == ["head", "reply", "end"]
