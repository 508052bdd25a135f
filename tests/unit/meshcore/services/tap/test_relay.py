"""A viewer at one replica, sidecars at two: over a real connection under mutual TLS between them."""

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING

import grpc
import pytest

from meshcore.services.tap.people import People
from meshcore.services.tap.registry import Registry
from meshcore.services.tap.relay import Relays, relayed
from meshcore.services.tap.serve import Switchboard, TapQuery
from meshcore.wire import common_pb2, peers_pb2_grpc, tap_pb2
from tests.support.replicas import NAME, Replica, make_authority, show
from tests.support.traffic import peer, pod
from tests.support.wait import until

if TYPE_CHECKING:
    from meshcore.wire.peers_pb2_grpc import PeersAsyncStub

ROOT = make_authority()
PODS = [pod("voting-0"), pod("voting-1"), pod("voting-2"), pod("web-0")]
TARGETS = [common_pb2.Resource(namespace="emojivoto", kind="deployment", name="voting")]


class Sidecar:
    """A sidecar that remembers its orders and sees what it is told to."""

    def __init__(self, registry: Registry, pod: str) -> None:
        self.orders: list[tap_pb2.TapOrder] = []
        self._registry = registry
        self.post = registry.attach(peer(pod), self.orders.append)

    @property
    def rate(self) -> float:
        return 0.0 if not self.orders or self.orders[-1].cancel else self.orders[-1].max_rps

    def see(self, request: str, *, end: bool = True, dropped: int = 0) -> None:
        event = tap_pb2.TapEvent(orders=[self.orders[-1].id], request_id=request, proxy=self.post.peer)
        event.destination.CopyFrom(self.post.peer)
        if end:
            event.response_end.since_request_init_us = 1000
        else:
            event.request_init.method = "GET"
        self.deliver(event, dropped)

    def deliver(self, event: tap_pb2.TapEvent, dropped: int = 0) -> None:
        self._registry.deliver(self.post, [event], dropped)


class Viewer:
    """Somebody who observes, at the replica of a board."""

    def __init__(self, board: Switchboard, request: tap_pb2.ObserveRequest) -> None:
        self.answers: list[tap_pb2.ObserveResponse] = []
        self._task = asyncio.create_task(self._read(TapQuery(board), request))

    async def _read(self, query: TapQuery, request: tap_pb2.ObserveRequest) -> None:
        async for answer in query.Observe(request, None):  # type: ignore[arg-type]
            self.answers.append(answer)

    @property
    def seen(self) -> set[str]:
        return {event.request_id for answer in self.answers for event in answer.events}

    @property
    def sidecars(self) -> int:
        return self.answers[-1].sidecars if self.answers else 0

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class World:
    """Two replicas, of which the second one's viewer looks at both."""

    def __init__(self) -> None:
        self.far = Registry(People(PODS).name)
        self.replica = Replica(show(ROOT), [], partial(relayed, self.far))
        self.stubs: dict[str, PeersAsyncStub] = {}
        relays = Relays(lambda: self.stubs)
        self.board = Switchboard(pods=lambda: PODS, clock=time.time, reach=relays.reach, note=lambda: "a note")

    def observe(self, **more: float) -> Viewer:
        return Viewer(self.board, tap_pb2.ObserveRequest(targets=TARGETS, **more))  # type: ignore[arg-type]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.replica.open()
    shown = show(ROOT).current
    found = grpc.ssl_channel_credentials(shown.anchors, shown.key, shown.chain)
    options = (("grpc.ssl_target_name_override", NAME),)
    async with grpc.aio.secure_channel(world.replica.address, found, options=options) as channel:
        stub: PeersAsyncStub = peers_pb2_grpc.PeersStub(channel)
        world.stubs = {"a": stub}
        yield world
    await world.replica.close()


async def test_a_viewer_sees_the_requests_of_all_replicas_sidecars(world: World) -> None:
    near, far = Sidecar(world.board.registry, "voting-0"), Sidecar(world.far, "voting-1")
    stranger = Sidecar(world.far, "web-0")
    viewer = world.observe(max_rps=100)
    await until(lambda: viewer.sidecars == 2)
    near.see("b0:1")
    far.see("b1:1", dropped=3)
    await until(lambda: viewer.seen == {"b0:1", "b1:1"})
    assert sum(answer.dropped for answer in viewer.answers) == 3
    (own,) = world.board.registry.watches
    assert {number for answer in viewer.answers for event in answer.events for number in event.orders} == {own}
    assert viewer.answers[-1].note == "a note"
    assert stranger.orders == []
    assert world.board.taps == 1
    await viewer.close()
    await until(lambda: far.rate == near.rate == 0.0)
    assert not world.far.watches


async def test_all_sidecars_share_the_rate_wherever_they_are(world: World) -> None:
    near = Sidecar(world.board.registry, "voting-0")
    viewer = world.observe(max_rps=90)
    one, two = Sidecar(world.far, "voting-1"), Sidecar(world.far, "voting-2")
    await until(lambda: (near.rate, one.rate, two.rate) == (30.0, 30.0, 30.0))
    world.far.detach(two.post)
    await until(lambda: (near.rate, one.rate) == (45.0, 45.0))
    await viewer.close()


async def test_a_sidecar_that_moves_goes_on_being_tapped(world: World) -> None:
    far = Sidecar(world.far, "voting-1")
    viewer = world.observe()
    await until(lambda: viewer.sidecars == 1)
    world.stubs = {}
    await world.replica.close()
    near = Sidecar(world.board.registry, "voting-1")
    await until(lambda: near.rate == 100.0 and viewer.sidecars == 1)
    near.see("b1:2")
    await until(lambda: viewer.seen == {"b1:2"})
    await until(lambda: far.rate == 0.0)
    await viewer.close()


async def test_a_replica_that_comes_back_is_asked_again(world: World) -> None:
    viewer = world.observe()
    await until(lambda: bool(world.far.watches))
    await world.replica.close()
    await until(lambda: not world.far.watches)
    await world.replica.open(int(world.replica.address.rpartition(":")[2]))
    far = Sidecar(world.far, "voting-1")
    await until(lambda: far.rate == 100.0)
    far.see("b1:3")
    await until(lambda: viewer.seen == {"b1:3"})
    await viewer.close()


async def test_a_limit_counts_the_requests_of_all(world: World) -> None:
    near, far = Sidecar(world.board.registry, "voting-0"), Sidecar(world.far, "voting-1")
    viewer = world.observe(limit=3)
    await until(lambda: viewer.sidecars == 2)
    for sidecar, request in ((near, "1"), (far, "2"), (near, "3")):
        sidecar.see(request, end=False)
        sidecar.see(request)
    await until(lambda: not world.board.registry.watches)
    await until(lambda: far.rate == 0.0)
    assert sum(len(answer.events) for answer in viewer.answers) == 6


async def test_top_counts_a_request_once_whose_two_ends_are_at_two_replicas(world: World) -> None:
    near, far = Sidecar(world.board.registry, "web-0"), Sidecar(world.far, "voting-1")
    targets = [common_pb2.Resource(namespace="emojivoto", kind="deployment", name=name) for name in ("web", "voting")]
    latest = tap_pb2.TopResponse()

    async def watch() -> None:
        nonlocal latest
        request = tap_pb2.TopRequest(targets=targets, interval_ms=100)
        async for answer in TapQuery(world.board).Top(request, None):  # type: ignore[arg-type]
            latest = answer

    task = asyncio.create_task(watch())
    await until(lambda: latest.sidecars == 2)
    for sidecar, direction in ((near, common_pb2.OUTBOUND), (far, common_pb2.INBOUND)):
        event = tap_pb2.TapEvent(
            orders=[sidecar.orders[-1].id],
            request_id="r",
            proxy=sidecar.post.peer,
            direction=direction,
            source=peer("web-0"),
            destination=peer("voting-1"),
        )
        event.response_end.since_request_init_us = 1000
        sidecar.deliver(event)
    await until(lambda: bool(latest.rows))
    assert [(row.count, row.direction) for row in latest.rows] == [(1, common_pb2.INBOUND)]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
