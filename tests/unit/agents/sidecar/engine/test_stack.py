"""The stack: hooks in their order, verdicts, who is held and goes on, and who sleeps."""

from collections.abc import Callable

from agents.sidecar.engine.exchange import HTTP1, INBOUND, Exchange
from agents.sidecar.engine.stack import HOLD, Reply, Stack, Verdict
from agents.sidecar.state.peers import Peer


class Stage:
    """Says what it hears, and what it is told to say of a head."""

    def __init__(self, name: str, said: list[str], *verdicts: Verdict) -> None:
        self.name = name
        self.said = said
        self.verdicts = list(verdicts)

    def on_head(self, x: Exchange) -> Verdict:
        self.said.append(f"{self.name} head")
        return self.verdicts.pop(0) if self.verdicts else None

    def on_refused(self, x: Exchange) -> None:
        self.said.append(f"{self.name} refused")

    def on_end(self, x: Exchange) -> None:
        self.said.append(f"{self.name} end")


class Sleeper(Stage):
    """Sleeps until it is told."""

    asleep = True

    def __init__(self, name: str, said: list[str]) -> None:
        super().__init__(name, said)
        self.watchers: list[Callable[[], None]] = []

    def watch(self, changed: Callable[[], None]) -> None:
        self.watchers.append(changed)

    def turn(self, asleep: bool) -> None:
        self.asleep = asleep
        for changed in self.watchers:
            changed()


class Ends:
    """Has one hook."""

    def __init__(self, said: list[str]) -> None:
        self.said = said

    def on_end(self, x: Exchange) -> None:
        self.said.append("ends")


def request() -> Exchange:
    return Exchange(INBOUND, HTTP1, Peer(), 0.0)


def test_hooks_run_in_the_order_of_the_list() -> None:
    said: list[str] = []
    stack = Stack(Stage("a", said), Ends(said), Stage("b", said))
    x = request()
    assert stack.head(x) is None
    stack.reply(x)
    stack.end(x)
    assert said == ["a head", "b head", "a end", "ends", "b end"]


def test_an_answer_of_our_own_is_told() -> None:
    said: list[str] = []
    stack = Stack(Stage("a", said), Ends(said), Stage("b", said))
    x = request()
    x.error = "overloaded"
    stack.reply(x)
    assert said == ["a refused", "b refused"]


def test_what_an_exchange_carries_hears_the_rest_of_it_last() -> None:
    said: list[str] = []

    class Carried:
        def reply(self, x: Exchange) -> None:
            said.append("carried reply")

        def end(self, x: Exchange) -> None:
            said.append("carried end")

    stack = Stack(Stage("a", said))
    x = request()
    x.tap = Carried()
    stack.reply(x)
    stack.end(x)
    assert said == ["carried reply", "a end", "carried end"]


def test_a_reply_goes_no_further() -> None:
    said: list[str] = []
    reply = Reply(503, "no")
    assert Stack(Stage("a", said, reply), Stage("b", said)).head(request()) is reply
    assert said == ["a head"]


def test_a_held_exchange_goes_on_at_the_stage_that_held_it() -> None:
    said: list[str] = []
    stack = Stack(Stage("a", said), Stage("b", said, HOLD, HOLD), Stage("c", said))
    x = request()
    assert stack.head(x) is HOLD
    assert stack.head(x) is HOLD
    assert stack.head(x) is None
    assert said == ["a head", "b head", "b head", "b head", "c head"]


def test_who_sleeps_hears_nothing_until_it_wakes() -> None:
    said: list[str] = []
    sleeper = Sleeper("s", said)
    stack = Stack(sleeper, Stage("a", said))
    for asleep in (True, False, True):
        sleeper.turn(asleep)
        x = request()
        x.error = "no"
        stack.head(x)
        stack.reply(x)
        stack.end(x)
    quiet = ["a head", "a refused", "a end"]
    assert said == [*quiet, "s head", "a head", "s refused", "a refused", "s end", "a end", *quiet]


def test_what_is_held_goes_on_at_its_place_though_another_stage_wakes_meanwhile() -> None:
    said: list[str] = []
    sleeper = Sleeper("s", said)
    stack = Stack(sleeper, Stage("a", said), Stage("b", said, HOLD), Stage("c", said))
    x = request()
    assert stack.head(x) is HOLD
    sleeper.turn(asleep=False)
    assert stack.head(x) is None
    assert said == ["a head", "b head", "b head", "c head"]


def test_the_shut_stack_wakes_with_the_stages_that_it_shares() -> None:
    said: list[str] = []
    sleeper = Sleeper("s", said)
    stack = Stack(sleeper, Stage("a", said))
    assert stack.shut is stack.shut
    sleeper.turn(asleep=False)
    stack.shut.head(request())
    assert said == ["s head", "a head"]
