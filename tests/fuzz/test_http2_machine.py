"""HTTP/2 as two ends talk: streams, data both ways, windows, resets, settings and goodbyes, in any order and any cut.

The model knows what each end was told to say. Ours talks to ours, and on either side to `h2`; each hears what the other
said, no byte lost, repeated or late, and what was reset heard a beginning of it.
"""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.fuzz.ends import CLIENT, SERVER, Ours, Theirs

SIZES = st.sampled_from([1, 2, 9, 10, 30, 1000, 100_000])
DATA = st.sampled_from([0, 1, 10, 2999, 3000, 3001, 40_000])
PICK = st.integers(0, 1000)


@dataclass
class Direction:
    """What one end said on one stream."""

    data: bytes = b""
    closed: str = ""  # "", "end" or "trailers"


@dataclass
class Talk:
    """One stream."""

    there: Direction = field(default_factory=Direction)
    back: Direction = field(default_factory=Direction)
    replied: bool = False
    cancelled: bool = False  # by either end


class Machine(RuleBasedStateMachine):
    """Two ends and the bytes between them."""

    MAKES: tuple[type[Ours] | type[Theirs], type[Ours] | type[Theirs]] = (Ours, Ours)

    def __init__(self) -> None:
        super().__init__()
        self.client = self.MAKES[0](CLIENT)
        self.server = self.MAKES[1](SERVER)
        self.talks: dict[int, Talk] = {}
        self.lines = [bytearray(), bytearray()]  # to the server, to the client
        self.count = 0
        while self._arrive(0, 1000) | self._arrive(1, 1000):
            pass  # our windows are smaller here than those that a client begins with, so it is told of them first

    # What is said.

    @precondition(lambda self: len(self.talks) < 8)
    @rule(end=st.booleans())
    def ask(self, end: bool) -> None:
        number = self.client.open(end)
        if number is not None:
            self.talks[number] = Talk(Direction(closed="end" if end else ""))

    @precondition(lambda self: self.talks)
    @rule(pick=PICK, size=DATA, close=st.sampled_from(["", "", "", "end", "trailers"]))
    def say(self, pick: int, size: int, close: str) -> None:
        number = self._pick(pick)
        self._say(self.client, number, self.talks[number].there, size, close, self.client.reset)

    @precondition(lambda self: self.server.begun)
    @rule(pick=PICK, size=DATA, close=st.sampled_from(["", "", "", "end", "trailers"]))
    def answer(self, pick: int, size: int, close: str) -> None:
        number = self.server.begun[pick % len(self.server.begun)]
        talk = self.talks[number]
        if talk.cancelled or number in self.server.reset:
            return
        if not talk.replied:
            talk.replied = True
            self.server.reply(number)
        self._say(self.server, number, talk.back, size, close, self.server.reset)

    def _say(
        self, end: Ours | Theirs, number: int, direction: Direction, size: int, close: str, reset: set[int]
    ) -> None:
        if direction.closed or self.talks[number].cancelled or number in reset:
            return
        self.count += 1
        data = (b"%d." % self.count * (size // 2 + 1))[:size]
        direction.data += data
        direction.closed = close
        end.send(number, data, close == "end")
        if close == "trailers":
            end.close(number)

    @precondition(lambda self: self.talks)
    @rule(pick=PICK, who=st.sampled_from(["client", "server"]))
    def cancel(self, pick: int, who: str) -> None:
        number = self._pick(pick)
        end = self.client if who == "client" else self.server
        talk = self.talks[number]
        over = talk.there.closed and talk.back.closed  # one end may have nothing left to cancel
        if over or talk.cancelled or number in end.reset or (who == "server" and number not in self.server.begun):
            return
        talk.cancelled = True
        end.cancel(number)

    @rule(who=st.sampled_from(["client", "server"]), window=st.sampled_from([0, 1, 3000, 5000, 65_535]))
    def resize(self, who: str, window: int) -> None:
        (self.client if who == "client" else self.server).resize(window)

    @precondition(lambda self: len(self.talks) > 3 and self.MAKES == (Ours, Ours))
    @rule()
    def goodbye(self) -> None:
        """To `h2` a GOAWAY is the end of the connection, not of new streams alone."""
        self.server.connection.shutdown()

    # What arrives.

    @rule(pick=PICK, who=st.sampled_from(["client", "server"]))
    def consume(self, pick: int, who: str) -> None:
        end = self.client if who == "client" else self.server
        waiting = [number for number, size in end.unconsumed.items() if size]
        if waiting:
            end.consume(waiting[pick % len(waiting)])

    @rule(size=SIZES)
    def arrive_there(self, size: int) -> None:
        self._arrive(0, size)

    @rule(size=SIZES)
    def arrive_back(self, size: int) -> None:
        self._arrive(1, size)

    def _arrive(self, way: int, size: int) -> bool:
        near, far = (self.client, self.server) if way == 0 else (self.server, self.client)
        line = self.lines[way]
        line += near.take()
        data = bytes(line[:size])
        del line[:size]
        if data:
            far.receive(data)
        return bool(data)

    def _pick(self, pick: int) -> int:
        numbers = list(self.talks)
        return numbers[pick % len(numbers)]

    # What holds.

    @invariant()
    def what_was_heard_was_said(self) -> None:
        for number, talk in self.talks.items():
            assert talk.there.data.startswith(self.server.heard[number])
            assert talk.back.data.startswith(self.client.heard[number])
        assert self.server.begun == sorted(set(self.server.begun))

    def teardown(self) -> None:
        """Whoever has a word left says it; everything arrives and is taken in: nothing is missing."""
        for end in (self.client, self.server):
            end.resize(65_535)
        for _ in range(400):
            moved = self._arrive(0, 1 << 20) | self._arrive(1, 1 << 20)
            for end in (self.client, self.server):
                for number in [number for number, size in end.unconsumed.items() if size]:
                    end.consume(number)
                    moved = True
            if not moved:
                break
        else:
            raise AssertionError("the pair never falls silent")
        self.what_was_heard_was_said()
        refused = {number for number in self.talks if number not in self.server.begun}
        cancelled = {number for number, talk in self.talks.items() if talk.cancelled}
        assert refused <= cancelled or self.client.refused_above is not None  # what is cancelled at once is never told
        assert self.client.reset | self.server.reset <= cancelled | refused
        for number, talk in self.talks.items():
            if number in cancelled | refused:
                continue
            for direction, end in ((talk.there, self.server), (talk.back, self.client)):
                assert end.heard[number] == direction.data
                assert (number in end.ended) == bool(direction.closed)
                assert (number in end.trailers) == (direction.closed == "trailers")
        if isinstance(self.client, Ours):
            left = {n for n, talk in self.talks.items() if not (talk.there.closed and talk.back.closed)}
            assert set(self.client.connection.streams) <= left - cancelled - refused


class OursTheirs(Machine):
    MAKES = (Ours, Theirs)


class TheirsOurs(Machine):
    MAKES = (Theirs, Ours)


LIMITS = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestOurs = Machine.TestCase
TestOurs.settings = LIMITS
TestOursTheirs = OursTheirs.TestCase
TestOursTheirs.settings = LIMITS
TestTheirsOurs = TheirsOurs.TestCase
TestTheirsOurs.settings = LIMITS
