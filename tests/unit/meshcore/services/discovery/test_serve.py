"""The first answer after a restart waits for those who are coming back, and not for longer."""

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, cast

import pytest

from meshcore.services.discovery import serve
from meshcore.services.discovery.registry import Registry
from meshcore.services.discovery.resolve import Declared, DeclaredPort, resolve
from meshcore.services.discovery.serve import Discovery
from meshcore.wire.discovery_pb2 import (
    EndpointsUpdate,
    Instance,
    InstancePort,
    InstanceStatus,
    Registration,
    WatchRequest,
)
from meshcore.wire.version import PROTOCOL


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "SETTLE_S", 60.0)  # longer than a test may take
    monkeypatch.setattr(serve, "STABLE_S", 0.05)


@pytest.fixture
def registry() -> Registry:
    return Registry(time.monotonic, lambda: 0)


def discovery(registry: Registry, *, settle: bool) -> Discovery:
    return make(registry, lambda *_: None, settle=settle)


def make(registry: Registry, declared: Declared = lambda *_: None, *, settle: bool = False, **more: Any) -> Discovery:
    look = partial(resolve, registry, declared)
    found = Discovery(registry, look=look, proven=lambda _: "id", clock=time.monotonic, settle=settle, **more)
    registry.listen(found.touch)
    return found


def watch(one: Discovery) -> AsyncIterator[EndpointsUpdate]:
    return one.Watch(WatchRequest(target="web", namespace="shop"), cast(Any, None))


def instance(pod: str) -> Instance:
    return Instance(namespace="shop", name="web", pod=pod, ports=[InstancePort(name="http", port=1, proxy_port=2)])


def status(pod: str) -> InstanceStatus:
    return InstanceStatus(namespace="shop", name="web", pod=pod, ready=True, meshed=True)


async def test_a_fresh_start_answers_at_once(registry: Registry) -> None:
    update = await asyncio.wait_for(anext(watch(discovery(registry, settle=False))), 30)
    assert (update.snapshot, update.exists) == (True, False)


async def test_after_a_restart_an_empty_answer_waits_to_the_end(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "SETTLE_S", 0.3)
    began = time.monotonic()
    update = await anext(watch(discovery(registry, settle=True)))
    assert not update.exists
    assert time.monotonic() - began >= 0.29


async def test_after_a_restart_endpoints_are_told_once_they_are_stable(registry: Registry) -> None:
    began = time.monotonic()
    answer = asyncio.ensure_future(anext(watch(discovery(registry, settle=True))))
    registry.report("up", [])
    await asyncio.sleep(0.02)
    registry.connect(instance("web-0"), "id")
    await asyncio.sleep(0.02)
    registry.connect(instance("web-1"), "id")
    update = await answer
    assert len(update.put) == 2
    assert 0.08 <= time.monotonic() - began < 30


async def test_after_a_restart_a_sidecar_that_is_known_of_is_waited_for(registry: Registry) -> None:
    answer = asyncio.ensure_future(anext(watch(discovery(registry, settle=True))))
    registry.report("up", [status("web-0"), status("web-1")])
    registry.connect(instance("web-0"), "id")
    await asyncio.sleep(0.15)
    assert not answer.done()
    registry.connect(instance("web-1"), "id")
    assert len((await answer).put) == 2


async def test_after_a_restart_a_launchers_word_on_readiness_is_waited_for(registry: Registry) -> None:
    answer = asyncio.ensure_future(anext(watch(discovery(registry, settle=True))))
    registry.connect(instance("web-0"), "id")
    await asyncio.sleep(0.15)
    assert not answer.done()
    registry.report("up", [status("web-0")])
    assert len((await answer).put) == 1


async def test_watchers_leave_nothing_behind(registry: Registry) -> None:
    one = discovery(registry, settle=False)
    stream = watch(one)
    await anext(stream)
    await cast(Any, stream).aclose()
    assert len(one._topics) == 0


async def test_what_is_declared_anew_is_looked_at_again(registry: Registry) -> None:
    ports: list[DeclaredPort] = []
    one = make(registry, lambda *_: ports, settle=False)
    stream = watch(one)
    assert not (await anext(stream)).exists
    ports.append(DeclaredPort("http", 8080))
    one.redeclared()
    assert (await anext(stream)).exists


async def test_nobody_is_told_anything_before_what_there_is_was_read(registry: Registry) -> None:
    known = asyncio.Event()

    async def read() -> None:
        await known.wait()

    found = make(registry, read=read)
    answer = asyncio.ensure_future(anext(watch(found)))
    await asyncio.sleep(0.05)
    assert not answer.done()  # or a sidecar would take away what it knows
    registry.connect(instance("web-0"), "id")
    known.set()
    update = await asyncio.wait_for(answer, 60)
    assert (update.snapshot, update.exists, len(update.put)) == (True, True, 1)


async def test_a_zone_that_is_known_later_is_told_then(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "LOCATE_S", 0.001)
    zones = iter(["", "", "a"])
    found = make(registry, zone=lambda namespace, pod: next(zones))
    end = asyncio.Event()

    async def said() -> AsyncIterator[Registration]:
        mine = instance("web-0")
        mine.protocol = mine.oldest_protocol = PROTOCOL
        yield Registration(instance=mine)
        await end.wait()
        yield Registration(draining=True)

    replies = found.Register(said(), cast(Any, None))
    async with asyncio.timeout(60):
        assert [(await anext(replies)).zone, (await anext(replies)).zone] == ["", "a"]
        end.set()
        assert [each async for each in replies] == []  # it is not looked for again
    entry = registry.entry("shop", "web-0")
    assert entry is None or entry.uplink is None
