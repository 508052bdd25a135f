"""Who is followed, who is missed, and what people are told of it; links are played, time is virtual."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from meshcore.services.peers.circle import GRACE_S, START_S, UNREADY_S, Circle, Place


class FakeLink:
    """A link that a test turns on and off."""

    def __init__(self, name: str, address: str, now: float) -> None:
        self.name, self.address = name, address
        self.answers = self.whole = False
        self.silent_since = now
        self.running = False

    async def run(self) -> None:
        self.running = True
        try:
            await asyncio.Event().wait()
        finally:
            self.running = False


class World:
    def __init__(self) -> None:
        self.now = 100.0
        self.links: dict[str, FakeLink] = {}
        self.circle = Circle(self._link, lambda: self.now)  # type: ignore[arg-type]

    def _link(self, name: str, address: str) -> FakeLink:
        self.links[name] = FakeLink(name, address, self.now)
        return self.links[name]

    def set(self, **ready: bool) -> None:
        self.circle.set({name: Place(f"10.0.0.1:{name}", one) for name, one in ready.items()})

    def turn(self, name: str, *, on: bool) -> None:
        link = self.links[name]
        link.answers = link.whole = on
        link.silent_since = self.now


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.circle.close()


async def test_who_is_alone_misses_nobody(world: World) -> None:
    assert not world.circle.synced  # who the others are has not been heard
    world.set()
    assert world.circle.synced
    assert world.circle.note() == ""


async def test_a_replica_that_is_silent_is_missed_after_a_moment(world: World) -> None:
    world.set(b=True, c=True)
    assert world.circle.note() == ""
    world.turn("b", on=True)
    world.now += GRACE_S + 0.1
    assert world.circle.note() == "1 of 3 replicas did not answer"
    world.turn("c", on=True)
    assert world.circle.note() == ""
    assert sorted(world.circle.links()) == ["b", "c"]
    world.now += 1000
    world.turn("b", on=False)
    assert world.circle.note() == ""
    world.now += GRACE_S + 0.1
    assert world.circle.note() == "1 of 3 replicas did not answer"
    world.set(c=True)
    assert world.circle.note() == ""


async def test_one_that_is_just_starting_is_followed_but_not_missed(world: World) -> None:
    world.set(b=False)
    await asyncio.sleep(0)
    assert world.links["b"].running
    world.now += 60
    assert world.circle.note() == ""
    world.set(b=True)
    assert world.circle.note() == ""
    world.now += GRACE_S + 0.1
    assert world.circle.note() == "1 of 2 replicas did not answer"


async def test_one_that_is_ready_no_more_is_missed_until_its_sidecars_have_left_it(world: World) -> None:
    world.set(b=True)
    world.turn("b", on=True)
    world.set(b=False)
    world.turn("b", on=False)
    world.now += UNREADY_S - 0.1
    assert world.circle.note() == "1 of 2 replicas did not answer"
    world.now += 0.2
    assert world.circle.note() == ""


async def test_it_is_in_step_once_the_others_have_told_all_or_have_had_their_time(world: World) -> None:
    world.set(b=True, c=True, d=False)
    world.turn("b", on=True)
    assert not world.circle.synced
    world.turn("c", on=True)
    assert world.circle.synced
    world.turn("b", on=False)
    assert world.circle.synced  # once is enough


async def test_a_silent_replica_holds_up_a_start_for_a_while_only(world: World) -> None:
    world.set(b=True)
    world.now += START_S - 0.1
    assert not world.circle.synced
    world.now += 0.2
    assert world.circle.synced


async def test_another_address_is_another_link_and_who_is_gone_is_let_go(world: World) -> None:
    world.set(b=True)
    await asyncio.sleep(0)
    first = world.links["b"]
    world.circle.set({"b": Place("10.0.0.2:1", ready=True)})
    await asyncio.sleep(0)
    assert (first.running, world.links["b"].running) == (False, True)
    world.circle.set({})
    await asyncio.sleep(0)
    assert not world.links["b"].running


async def test_the_end_waits_for_links_that_were_let_go() -> None:
    ended: list[str] = []

    class SlowToEnd(FakeLink):
        async def run(self) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                for _ in range(20 if self.name == "b" else 0):  # closing a channel takes its time
                    await asyncio.sleep(0)
                ended.append(self.name)

    circle = Circle(lambda name, address: SlowToEnd(name, address, 0.0), lambda: 0.0)  # type: ignore[arg-type,return-value]
    circle.set({"b": Place("10.0.0.1:b", ready=True), "c": Place("10.0.0.1:c", ready=True)})
    await asyncio.sleep(0)
    circle.set({"c": Place("10.0.0.1:c", ready=True)})
    await circle.close()
    assert sorted(ended) == ["b", "c"]
