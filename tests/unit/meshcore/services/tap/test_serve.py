"""Tap over a real gRPC connection: fake sidecars attach, viewers come and go."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import grpc
import pytest

from meshcore.client.failure import HINT
from meshcore.services.tap.serve import GRACE_S, Switchboard, Tap, TapQuery
from meshcore.wire import common_pb2, discovery_pb2, tap_pb2, tap_pb2_grpc
from meshcore.wire.ids import SpiffeId
from tests.support.traffic import peer, pod
from tests.support.wait import until

TARGETS = [common_pb2.Resource(namespace="emojivoto", kind="deployment", name="voting")]


class Sidecar:
    """A sidecar that obeys: it remembers its orders and sends what the test tells it to."""

    def __init__(self, channel: grpc.aio.Channel, name: str) -> None:
        self.peer = peer(name)
        self.orders: asyncio.Queue[tap_pb2.TapOrder] = asyncio.Queue()
        self.call = tap_pb2_grpc.TapStub(channel).Attach()
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        await self.call.write(tap_pb2.TapReport(hello=tap_pb2.TapHello(self=self.peer, boot_id="b")))
        try:
            async for order in self.call:
                self.orders.put_nowait(order)
        except grpc.aio.AioRpcError:
            pass

    async def order(self) -> tap_pb2.TapOrder:
        return await asyncio.wait_for(self.orders.get(), 30)

    async def see(self, order: int, *requests: int, dropped: int = 0) -> None:
        events = []
        for number in requests:
            base = {"request_id": f"b:{number}", "orders": [order], "destination": self.peer, "proxy": self.peer}
            events.append(tap_pb2.TapEvent(request_init=tap_pb2.RequestInit(method="GET", path=f"/{number}"), **base))  # type: ignore[arg-type]
            events.append(
                tap_pb2.TapEvent(response_end=tap_pb2.ResponseEnd(since_request_init_us=1000), **base)  # type: ignore[arg-type]
            )
        await self.call.write(tap_pb2.TapReport(events=events, dropped=dropped))


class World:
    """A server, and clocks and pods that a test may change."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pods: list[discovery_pb2.Pod] = [pod("voting-0"), pod("voting-1"), pod("db-0", meshed=False)]
        self.account = "voting"
        self.board = Switchboard(pods=lambda: self.pods, clock=lambda: self.now)

    async def serve(self, path: Path) -> grpc.aio.Server:
        server = grpc.aio.server()
        caller: Callable[[object], SpiffeId] = lambda context: SpiffeId("local", "emojivoto", self.account)  # noqa: E731
        tap_pb2_grpc.add_TapServicer_to_server(Tap(self.board, caller=caller), server)
        tap_pb2_grpc.add_TapQueryServicer_to_server(TapQuery(self.board), server)
        server.add_insecure_port(f"unix:{path}")
        await server.start()
        return server


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World()
    server = await world.serve(tmp_path / "s")
    yield world
    await server.stop(None)


@pytest.fixture
async def channel(world: World, tmp_path: Path) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(f"unix:{tmp_path / 's'}") as channel:
        yield channel


async def test_events_travel_from_sidecar_to_viewer_until_its_limit(world: World, channel: grpc.aio.Channel) -> None:
    sidecar = Sidecar(channel, "voting-0")
    await until(lambda: bool(world.board.registry.posts))
    call = tap_pb2_grpc.TapQueryStub(channel).Observe(tap_pb2.ObserveRequest(targets=TARGETS, limit=3, headers=True))
    order = await sidecar.order()
    assert order.headers
    assert order.max_rps == 100.0
    await sidecar.see(order.id, 1, 2, dropped=5)
    await sidecar.see(order.id, 3, 4, 5)
    answers = [answer async for answer in call]
    assert answers[0].sidecars == 1
    assert sum(len(answer.events) for answer in answers) == 6
    assert sum(answer.dropped for answer in answers) == 5
    assert (await sidecar.order()).cancel
    assert world.board.taps == 0


async def test_the_order_goes_with_the_viewer(world: World, channel: grpc.aio.Channel) -> None:
    sidecar = Sidecar(channel, "voting-0")
    await until(lambda: bool(world.board.registry.posts))
    call = tap_pb2_grpc.TapQueryStub(channel).Observe(tap_pb2.ObserveRequest(targets=TARGETS))
    order = await sidecar.order()
    assert world.board.taps == 1
    call.cancel()
    cancel = await sidecar.order()
    assert (cancel.id, cancel.cancel) == (order.id, True)
    await until(lambda: world.board.taps == 0)


async def test_sidecars_that_come_and_go_are_told_of(world: World, channel: grpc.aio.Channel) -> None:
    call = tap_pb2_grpc.TapQueryStub(channel).Observe(tap_pb2.ObserveRequest(targets=TARGETS))
    assert (await call.read()).sidecars == 0
    sidecar = Sidecar(channel, "voting-1")
    assert (await sidecar.order()).max_rps == 100.0
    assert (await call.read()).sidecars == 1
    sidecar.call.cancel()
    assert (await call.read()).sidecars == 0
    call.cancel()


async def test_top_counts_once_a_beat(world: World, channel: grpc.aio.Channel) -> None:
    sidecar = Sidecar(channel, "voting-0")
    await until(lambda: bool(world.board.registry.posts))
    request = tap_pb2.TopRequest(targets=TARGETS, interval_ms=100)
    async with aclosing(aiter(tap_pb2_grpc.TapQueryStub(channel).Top(request))) as answers:  # type: ignore[type-var]
        order = await sidecar.order()
        await sidecar.see(order.id, 7, 7, 7)
        async with asyncio.timeout(60):
            async for answer in answers:
                if answer.rows:
                    break
    (row,) = answer.rows
    assert (row.method, row.path, row.count, row.success, row.best_ms) == ("GET", "/{}", 3, 3, 1.0)
    assert (row.destination.name, answer.sidecars) == ("voting", 1)


@pytest.mark.parametrize(
    ("request_", "code", "line"),
    [
        (tap_pb2.ObserveRequest(), "INVALID_ARGUMENT", "nothing was named to tap"),
        (
            tap_pb2.ObserveRequest(targets=TARGETS, match=tap_pb2.TapMatch(path_regex="(")),
            "INVALID_ARGUMENT",
            "regular expression '(' is not valid",
        ),
        (
            tap_pb2.ObserveRequest(targets=[common_pb2.Resource(namespace="emojivoto", kind="deployment", name="db")]),
            "FAILED_PRECONDITION",
            "deployment db in namespace emojivoto cannot be tapped",
        ),
        (
            tap_pb2.ObserveRequest(
                targets=[common_pb2.Resource(namespace="emojivoto", kind="deployment", name="vote")]
            ),
            "NOT_FOUND",
            "there is no deployment vote in namespace emojivoto",
        ),
    ],
)
async def test_what_cannot_be_tapped(
    world: World, channel: grpc.aio.Channel, request_: tap_pb2.ObserveRequest, code: str, line: str
) -> None:
    world.now += GRACE_S + 1
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await tap_pb2_grpc.TapQueryStub(channel).Observe(request_).read()
    assert caught.value.code().name == code
    assert line in (caught.value.details() or "")
    hint = dict(caught.value.trailing_metadata() or ()).get(HINT, b"")
    assert bool(hint) or "regular" in line


async def test_just_after_a_start_a_missing_workload_is_waited_for(world: World, channel: grpc.aio.Channel) -> None:
    world.pods = []
    call = tap_pb2_grpc.TapQueryStub(channel).Observe(tap_pb2.ObserveRequest(targets=TARGETS))
    await asyncio.sleep(0.15)
    sidecar = Sidecar(channel, "voting-0")
    assert (await sidecar.order()).id
    assert (await call.read()).sidecars == 1
    call.cancel()


async def test_a_sidecar_must_prove_who_it_is(world: World, channel: grpc.aio.Channel) -> None:
    world.account = "web"
    call = tap_pb2_grpc.TapStub(channel).Attach()
    await call.write(tap_pb2.TapReport(hello=tap_pb2.TapHello(self=peer("voting-0"), boot_id="b")))
    with pytest.raises(grpc.aio.AioRpcError, match="must prove that identity"):
        await call.read()
    assert not world.board.registry.posts
