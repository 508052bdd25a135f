"""Watchers share one view and one difference, however far each of them is behind."""

import asyncio
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from meshcore.services.discovery.resolve import View
from meshcore.services.discovery.topic import EACH_S, Topics
from meshcore.wire.discovery_pb2 import Endpoint
from meshcore.wire.ids import Target

WEB = Target("web", "shop", "")
KEY = ("shop", "web")


class Hours:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0
        self.due: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None], /) -> "Hours":
        self.due.append((self.now + delay, callback))
        return self

    def cancel(self) -> None:
        self.due.clear()

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        for at, callback in [each for each in self.due if each[0] <= self.now]:
            self.due.remove((at, callback))
            callback()


class World:
    """What the targets mean, and how often somebody looked."""

    def __init__(self) -> None:
        self.hours = Hours()
        self.endpoints: dict[str, int] = {}
        self.looks = 0
        self.topics = Topics(self.look, lambda: self.hours)

    def look(self, _: Target) -> View:
        self.looks += 1
        return View(exists=True, endpoints={key: Endpoint(id=key, port=port) for key, port in self.endpoints.items()})

    def set(self, name: str, port: int) -> None:
        if port:
            self.endpoints[name] = port
        else:
            self.endpoints.pop(name, None)
        self.topics.touch({KEY})


class Watcher:
    """Takes in updates as a sidecar does."""

    def __init__(self, world: World) -> None:
        self.event = asyncio.Event()
        self.topic = world.topics.join(WEB, self.event)
        self.sent: View | None = None
        self.known: dict[str, int] = {}

    def catch_up(self) -> object:
        update = self.topic.update(self.sent)
        self.sent = self.topic.view()
        self.event.clear()
        if update is not None:
            for gone in update.remove:
                del self.known[gone]
            self.known |= {put.id: put.port for put in update.put}
        return update


def test_one_change_is_looked_up_once_for_all() -> None:
    world = World()
    watchers = [Watcher(world) for _ in range(50)]
    first = [watcher.catch_up() for watcher in watchers]
    world.set("a", 1)
    assert all(watcher.event.is_set() for watcher in watchers)
    second = [watcher.catch_up() for watcher in watchers]
    assert world.looks == 2
    assert all(update is second[0] for update in second)
    assert all(update is first[0] for update in first)


def test_a_touch_without_a_change_is_nothing_to_tell() -> None:
    world = World()
    watcher = Watcher(world)
    watcher.catch_up()
    world.topics.touch({KEY})
    assert watcher.catch_up() is None


def test_many_are_told_at_once_and_then_not_before_they_can_have_been_told() -> None:
    world = World()
    watchers = [Watcher(world) for _ in range(1000)]
    for watcher in watchers:
        watcher.catch_up()
    world.set("a", 1)
    assert all(watcher.event.is_set() for watcher in watchers)
    for watcher in watchers:
        watcher.catch_up()
    for port in range(1, 20):
        world.set("b", port)
        world.hours.pass_by(EACH_S * 50)
        assert not any(watcher.event.is_set() for watcher in watchers)
    world.hours.pass_by(EACH_S * 50)
    for watcher in watchers:
        assert watcher.event.is_set()
        watcher.catch_up()
        assert watcher.known == {"a": 1, "b": 19}
    assert world.looks == 3


def test_what_nobody_watches_is_forgotten() -> None:
    world = World()
    one, two = Watcher(world), Watcher(world)
    world.set("b", 1)
    one.event.clear()
    world.hours.pass_by(1.0)
    world.topics.leave(one.topic, one.event)
    world.set("a", 1)
    assert not one.event.is_set()
    assert two.event.is_set()
    world.set("a", 2)  # it is to be told soon
    world.topics.leave(two.topic, two.event)
    assert not world.hours.due
    assert len(world.topics) == 0
    world.topics.touch_all()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2), st.sets(st.integers(0, 3))), max_size=25))
def test_everybody_arrives_at_what_is(steps: list[tuple[str, int, set[int]]]) -> None:
    world = World()
    watchers = [Watcher(world) for _ in range(4)]
    for name, port, who in steps:
        world.set(name, port)
        for number in who:
            watchers[number].catch_up()
            assert watchers[number].known == world.endpoints
    for watcher in watchers:
        watcher.catch_up()
        assert watcher.known == world.endpoints
