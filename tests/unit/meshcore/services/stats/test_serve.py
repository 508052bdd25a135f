"""Stats over a real gRPC connection: a sidecar pushes, a person asks."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from meshcore.client.failure import HINT
from meshcore.services.stats.answer import GRACE_S, SETTLE_S, StatsQuery
from meshcore.services.stats.serve import Stats
from meshcore.services.stats.store import Store, open_store
from meshcore.wire import common_pb2, discovery_pb2, stats_pb2, stats_pb2_grpc
from meshcore.wire.ids import SpiffeId
from tests.support.traffic import peer, pod
from tests.support.wait import until

NOW = 1_700_000_000.25


class World:
    """A server over one store; its clock stands still, and may be shifted."""

    def __init__(self) -> None:
        self.store: Store = open_store()
        self.shift = 0.0
        self.pods: list[discovery_pb2.Pod] = [pod("web-0")]
        self.caller: SpiffeId | None = SpiffeId("local", "emojivoto", "web")
        self.told: list[tuple[str, int]] = []

    def clock(self) -> float:
        return NOW + self.shift

    async def serve(self, path: Path, *, settle: bool = False) -> grpc.aio.Server:
        server = grpc.aio.server()
        stats = Stats(
            self.store,
            caller=lambda context: self.caller,
            clock=self.clock,
            on_status=lambda who, status: self.told.append((who.pod, status.connections)),
        )
        query = StatsQuery(self.store, pods=lambda: self.pods, services=lambda: [], clock=self.clock, settle=settle)
        stats_pb2_grpc.add_StatsServicer_to_server(stats, server)
        stats_pb2_grpc.add_StatsQueryServicer_to_server(query, server)
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


def report(seq: int, count: int) -> stats_pb2.StatsReport:
    keys = {
        "edges": [stats_pb2.EdgeKey(id=1, direction=common_pb2.INBOUND, peer=peer("vote-bot-0"), tls=1)],
        "http_keys": [stats_pb2.HttpKey(id=2, edge=1, status=200, classification=common_pb2.SUCCESS)],
    }
    return stats_pb2.StatsReport(
        seq=seq,
        time_ms=int(NOW * 1000),
        http=[stats_pb2.HttpDelta(key=2, count=count, bucket=[1], bucket_count=[count])],
        status=discovery_pb2.ProxyStatus(time_ms=seq, connections=seq),
        **keys,  # type: ignore[arg-type]
    )


HELLO = stats_pb2.StatsReport(hello=stats_pb2.StatsHello(self=peer("web-0"), boot_id="b", oldest_seq=1))
WEB = common_pb2.Resource(namespace="emojivoto", kind="deployment", name="web")


async def pushing(channel: grpc.aio.Channel) -> grpc.aio.StreamStreamCall[stats_pb2.StatsReport, stats_pb2.StatsAck]:
    call = stats_pb2_grpc.StatsStub(channel).Push()
    await call.write(HELLO)
    return call


async def test_what_is_pushed_is_acknowledged_counted_once_and_answered(
    world: World, channel: grpc.aio.Channel
) -> None:
    call = await pushing(channel)
    assert (await call.read()).seq == 0
    for seq in (1, 2, 2, 1):
        await call.write(report(seq, 10))
    assert [(await call.read()).seq for _ in range(4)] == [1, 2, 2, 2]
    again = await pushing(channel)
    assert (await again.read()).seq == 2
    await again.write(report(2, 10))
    assert (await again.read()).seq == 2
    world.shift = 3.0
    answer = await stats_pb2_grpc.StatsQueryStub(channel).Stat(stats_pb2.StatRequest(targets=[WEB]))
    (row,) = answer.rows
    assert (row.http.success, row.meshed) == (20, 1)
    assert 0 <= answer.time_ms - answer.window.end_ms <= 3000
    assert set(world.told) == {("web-0", 1), ("web-0", 2)}
    assert world.store.sidecars == 1
    assert world.store.series == 1
    assert world.store.pulse(world.clock())[1] == 1.0
    call.cancel()
    again.cancel()
    await until(lambda: not world.store.sidecars)


async def test_watchers_see_each_beat(world: World, channel: grpc.aio.Channel) -> None:
    query = stats_pb2_grpc.StatsQueryStub(channel)
    watch = query.WatchStat(stats_pb2.StatRequest(targets=[WEB], interval_ms=100))
    assert not (await watch.read()).rows[0].HasField("http")
    call = await pushing(channel)
    await call.write(report(1, 7))
    await call.read()
    await call.read()
    world.shift = 3.0
    async with asyncio.timeout(60):
        while not (answer := await watch.read()).rows[0].HasField("http"):
            pass
    assert answer.rows[0].http.success == 7
    edges = query.WatchEdges(stats_pb2.EdgesRequest(kind="deployment", interval_ms=100))
    (edge,) = (await edges.read()).edges
    assert (edge.src.name, edge.dst.name, edge.received.success) == ("vote-bot", "web", 7)
    assert (await query.Edges(stats_pb2.EdgesRequest(kind="deployment"))).edges[0].secured == 1.0
    for stream in (watch, edges, call):
        stream.cancel()


async def test_a_sidecar_must_say_hello_and_prove_who_it_is(world: World, channel: grpc.aio.Channel) -> None:
    call = stats_pb2_grpc.StatsStub(channel).Push()
    await call.write(report(1, 1))
    with pytest.raises(grpc.aio.AioRpcError, match="must be its hello"):
        await call.read()
    for caller in (None, SpiffeId("local", "emojivoto", "voting"), SpiffeId("local", "other", "web")):
        world.caller = caller
        call = await pushing(channel)
        with pytest.raises(grpc.aio.AioRpcError, match="must prove that identity"):
            await call.read()
    assert not world.store.series


async def test_wrong_questions(world: World, channel: grpc.aio.Channel) -> None:
    world.shift = GRACE_S + 1
    query = stats_pb2_grpc.StatsQueryStub(channel)
    wep = common_pb2.Resource(namespace="emojivoto", kind="deployment", name="wep")
    with pytest.raises(grpc.aio.AioRpcError, match="there is no deployment wep") as caught:
        await query.Stat(stats_pb2.StatRequest(targets=[wep]))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert dict(caught.value.trailing_metadata() or ())[HINT] == b"did you mean web?"
    with pytest.raises(grpc.aio.AioRpcError, match="there is no namespace emoji") as caught:
        await query.Edges(stats_pb2.EdgesRequest(kind="deployment", namespace="emoji"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.aio.AioRpcError, match="edges are between workloads") as caught:
        await query.WatchEdges(stats_pb2.EdgesRequest(kind="service")).read()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    watch = query.WatchStat(stats_pb2.StatRequest(targets=[wep]))
    assert not (await watch.read()).rows  # a screen waits for what may come back
    watch.cancel()


async def test_just_after_a_start_a_missing_name_is_waited_for(world: World, channel: grpc.aio.Channel) -> None:
    world.pods = []
    asking = asyncio.ensure_future(
        stats_pb2_grpc.StatsQueryStub(channel).Stat(stats_pb2.StatRequest(targets=[WEB], unmeshed=True))
    )
    await asyncio.sleep(0.15)
    assert not asking.done()
    world.pods = [pod("web-0")]
    assert (await asking).rows[0].resource.name == "web"


async def test_after_a_restart_answers_wait_for_the_sidecars(tmp_path: Path) -> None:
    world = World()
    server = await world.serve(tmp_path / "again", settle=True)
    async with grpc.aio.insecure_channel(f"unix:{tmp_path / 'again'}") as channel:
        query = stats_pb2_grpc.StatsQueryStub(channel)
        asking = asyncio.ensure_future(query.Stat(stats_pb2.StatRequest(targets=[WEB])))
        call = await pushing(channel)
        await asyncio.sleep(0.25)
        assert not asking.done()
        world.shift = SETTLE_S[0] + 0.1
        await asyncio.sleep(0.25)
        assert not asking.done()
        await call.write(report(1, 5))
        await asyncio.wait_for(asking, 60)
        call.cancel()
        assert (await query.Stat(stats_pb2.StatRequest(targets=[WEB]))).rows  # once settled, always
    await server.stop(None)
