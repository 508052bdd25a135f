"""One replica follows another over mutual TLS: it hears all, notices an end, comes back, and strangers hear nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import grpc
import pytest

from meshcore.services.peers import serve
from meshcore.services.peers.follow import Link
from meshcore.wire import peers_pb2, peers_pb2_grpc
from meshcore.wire.peers_pb2 import Happening
from meshcore.wire.version import OLDEST, PROTOCOL
from tests.support.replicas import ME, NAME, STRANGER, Replica, link, make_authority, show
from tests.support.wait import until

ROOT = make_authority()


class Source:
    """Something that happens at a replica: three pieces of history, then what a test lets happen."""

    def __init__(self) -> None:
        self.puts: list[Callable[[Happening], None]] = []

    def follow(self, put: Callable[[Happening], None]) -> "Follower":
        self.puts.append(put)
        return Follower(self, put)

    def happen(self, text: bytes) -> None:
        for put in self.puts:
            put(Happening(counted=text))


class Follower:
    def __init__(self, source: Source, put: Callable[[Happening], None]) -> None:
        self._source, self._put, self._left = source, put, 3

    def more(self) -> bool:
        self._left -= 1
        if self._left >= 0:
            self._put(Happening(counted=b"history"))
        return self._left >= 0

    def leave(self) -> None:
        self._source.puts.remove(self._put)


class Taker:
    """What was heard."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.losses = 0

    def take(self, happening: Happening) -> None:
        self.heard.append(happening.counted if happening.HasField("counted") else b"whole")

    def lost(self) -> None:
        self.losses += 1


async def nothing(orders: AsyncIterator[peers_pb2.RelayOrder]) -> AsyncIterator[peers_pb2.RelayNews]:
    async for order in orders:
        yield peers_pb2.RelayNews(dropped=int(order.max_rps))


class World:
    def __init__(self) -> None:
        self.source, self.taker = Source(), Taker()
        self.replica = Replica(show(ROOT), [self.source.follow], nothing)  # type: ignore[arg-type]

    def link(self) -> Link:
        return link(self.replica.address, show(ROOT), lambda name: [self.taker])


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.replica.open()
    yield world
    await world.replica.close()


@pytest.fixture
async def followed(world: World) -> AsyncIterator[Link]:
    link = world.link()
    task = asyncio.create_task(link.run())
    yield link
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_what_was_comes_first_and_then_what_happens(world: World, followed: Link) -> None:
    await until(lambda: followed.whole)
    world.source.happen(b"now")
    await until(lambda: len(world.taker.heard) == 5)
    assert world.taker.heard == [b"history"] * 3 + [b"whole", b"now"]
    assert followed.answers
    assert followed.stub is not None
    call = followed.stub.Relay()
    await call.write(peers_pb2.RelayOrder(max_rps=7))
    assert (await call.read()).dropped == 7
    call.cancel()


async def test_an_end_is_noticed_and_who_comes_back_is_heard_from_the_beginning(world: World, followed: Link) -> None:
    await until(lambda: followed.whole)
    before = followed.silent_since
    await world.replica.close()
    await until(lambda: not followed.answers)
    assert (world.taker.losses, followed.whole) == (1, False)
    assert followed.silent_since > before
    await until(lambda: not world.source.puts)
    await world.replica.open(int(world.replica.address.rpartition(":")[2]))
    await until(lambda: followed.whole)
    assert world.taker.heard == ([b"history"] * 3 + [b"whole"]) * 2


async def test_one_that_reads_too_slowly_begins_anew(
    world: World, followed: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    await until(lambda: followed.whole)
    monkeypatch.setattr(serve, "BATCH_S", 0.0)
    for _ in range(140):
        world.source.happen(bytes(1 << 20))
    await until(lambda: world.taker.losses == 1)
    await until(lambda: followed.whole)
    assert world.taker.heard[-4:] == [b"history"] * 3 + [b"whole"]


async def ask(world: World, request: peers_pb2.FollowRequest, *, stranger: bool = False) -> grpc.aio.AioRpcError:
    shown = show(ROOT, STRANGER if stranger else ME).current
    options = (("grpc.ssl_target_name_override", NAME),)
    found = grpc.ssl_channel_credentials(shown.anchors, shown.key, shown.chain)
    async with grpc.aio.secure_channel(world.replica.address, found, options=options) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await anext(aiter(peers_pb2_grpc.PeersStub(channel).Follow(request)))
        if stranger:
            with pytest.raises(grpc.aio.AioRpcError) as relayed:
                await anext(aiter(peers_pb2_grpc.PeersStub(channel).Relay(iter([peers_pb2.RelayOrder()]))))
            assert relayed.value.code() is grpc.StatusCode.PERMISSION_DENIED
    return caught.value


async def test_a_workload_of_the_mesh_is_told_nothing(world: World) -> None:
    error = await ask(world, peers_pb2.FollowRequest(protocol=PROTOCOL), stranger=True)
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    assert error.details() == (
        "only the control plane's own replicas (spiffe://cluster.local/ns/meshtui/sa/meshtui-controller) may ask "
        "this, not spiffe://cluster.local/ns/shop/sa/web"
    )
    assert world.source.puts == []


@pytest.mark.parametrize("speaks", [(OLDEST - 1, OLDEST - 1), (PROTOCOL + 2, PROTOCOL + 1)])
async def test_versions_too_far_apart_are_told_so_in_a_line(world: World, speaks: tuple[int, int]) -> None:
    highest, lowest = speaks
    request = peers_pb2.FollowRequest(replica="b", version="9.9", protocol=highest, oldest_protocol=lowest)
    error = await ask(world, request)
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "upgrade one version at a time" in str(error.details())
    assert "replica b (9.9)" in str(error.details())
