"""A fixed rate is kept by the clock, and whoever is kept waiting is charged for it from when it was due."""

from collections import deque

import pytest

from tests.bench.dialects import Echo, WrongAnswer
from tests.bench.generator import Load, rank, report

MS = 0.001


class World:
    """Virtual time, and servers that answer a question after `takes`, but not before `stalled`."""

    def __init__(self, takes=MS, stalled=0.0):
        self.now = 0.0
        self.takes = takes
        self.stalled = stalled

    def clock(self):
        return self.now

    def wait(self, lines, _writers, _errors, seconds):
        until = min((at for line in lines for at in line.coming), default=self.now + seconds)
        self.now = max(self.now, min(until, self.now + seconds)) + 1e-9
        return [line for line in lines if line.coming and line.coming[0] <= self.now], [], []


class Line:
    """A connection of that world."""

    def __init__(self, world, depth=1, closes_at=None):
        self.world = world
        self.dialect = Echo(depth, 16)
        self.closes_at = closes_at
        self.coming = deque()  # when answers come
        self.waiting = b""
        self.failed = False
        self.socket = self

    def ask(self, ticket):
        world = self.world
        self.dialect.ask(ticket)
        self.coming.append(max(world.now, world.stalled) + world.takes)

    def read(self):
        if self.closes_at is not None and self.world.now >= self.closes_at:
            raise WrongAnswer("the connection was closed")
        self.coming.popleft()
        return self.dialect.hear(bytes(16))

    def close(self):
        self.coming.clear()


def run(world, *lines, seconds=1.0, rate=0):
    load = Load(list(lines), world.clock, world.wait)
    load.run(seconds, rate)
    return load


def test_a_fixed_rate():
    world = World()
    load = run(world, Line(world), Line(world), rate=100)
    assert (len(load.latencies), load.errors) == (100, 0)
    assert max(load.latencies) == pytest.approx(MS, abs=MS / 10)


def test_a_server_that_stalls_is_charged_for_all_that_it_kept_waiting():
    world = World(stalled=0.5)
    load = run(world, Line(world), rate=100)
    assert len(load.latencies) == 100
    waited = sorted(load.latencies, reverse=True)
    # Fifty were due before it went on, the first of them half a second before.
    assert waited[0] == pytest.approx(0.501, abs=MS)
    assert sum(latency > 2 * MS for latency in waited) >= 50


def test_what_could_not_be_asked_is_an_error():
    world = World(takes=100.0)
    assert run(world, Line(world), rate=10).errors == 10  # nine never asked, one never answered


def test_as_fast_as_answers_come():
    world = World()
    load = run(world, Line(world, depth=4), seconds=0.1)
    assert load.errors == 0
    assert len(load.latencies) == pytest.approx(400, abs=8)


def test_a_connection_that_is_closed_counts_what_it_owed():
    world = World()
    load = run(world, Line(world, depth=3, closes_at=0.05), Line(world), seconds=0.1)
    assert (load.errors, load.said, len(load.lines)) == (4, "the connection was closed", 1)


def test_connections_that_never_open_are_no_load():
    world = World()
    with pytest.raises(WrongAnswer, match="not open"):
        run(world, Line(world, depth=0))


def test_ranks():
    ordered = [float(n) for n in range(1, 1001)]
    assert (rank(ordered, 0.5), rank(ordered, 0.99), rank(ordered, 0.999)) == (501.0, 991.0, 1000.0)


def test_a_report_without_answers():
    told = report(Load([]), 1.0)
    assert (told["p99_ms"], told["late_p99_ms"]) == (0.0, 0.0)


def test_who_was_late_itself_says_so():
    world = World()
    line = Line(world)
    load = Load([line], world.clock, world.wait)
    usual = world.wait

    def sleepy(*args):  # once, half a second passes before it is let run again
        if len(load.late) == 20:
            world.now += 0.5
        return usual(*args)

    load._wait = sleepy
    seconds = load.run(1.0, 100)
    assert len(load.late) == 100
    assert max(load.late) == pytest.approx(0.5, abs=0.02)
    assert report(load, seconds)["late_p99_ms"] == pytest.approx(1000 * sorted(load.late)[99])
