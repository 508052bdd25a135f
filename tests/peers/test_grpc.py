"""gRPC through one sidecar, and through two with mutual TLS between them: Python and Go, as clients and as servers."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import grpc
import grpc.aio
import pytest

from tests.peers.calls import APPLICATIONS, GRPCPEER, OPTIONS, Seen
from tests.support.local import Local, free_port, inside
from tests.support.tools import need_go
from tests.support.wait import until

pytestmark = pytest.mark.timeout(300)  # the first run builds the Go program

MIB = 1 << 20
PORT = free_port()


@pytest.fixture(scope="module")
def mesh() -> Iterator[Local]:
    with Local({"voting": inside(PORT)}) as mesh:
        yield mesh


@pytest.fixture(params=["to-python", "to-go"])
async def application(request: pytest.FixtureRequest, mesh: Local) -> AsyncIterator[Seen]:
    made = APPLICATIONS[request.param.removeprefix("to-")]()
    await made.start(PORT)
    yield made
    await made.stop()


@pytest.fixture(params=["pair", "inbound"])
def port(request: pytest.FixtureRequest, mesh: Local) -> int:
    return mesh.outbound("voting") if request.param == "pair" else mesh.inbound("voting")


@pytest.fixture
async def channel(port: int, application: Seen) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", OPTIONS) as channel:
        unary = channel.unary_unary("/t.T/Unary")
        for _ in range(50):  # the test before took its server with it, and the sidecar waits before it dials again
            with suppress(grpc.aio.AioRpcError):
                await unary(b"ready")
                break
            await asyncio.sleep(0.05)
        yield channel


async def test_four_kinds(channel: grpc.aio.Channel) -> None:
    assert await channel.unary_unary("/t.T/Unary")(b"hello") == b"hello"
    counted = [message async for message in channel.unary_stream("/t.T/Count")(b"1000")]
    assert counted == [b"%d" % number for number in range(1000)]
    assert await channel.stream_unary("/t.T/Sum")(iter([b"%d" % number for number in range(1000)])) == b"499500"
    parts = [b"x" * size for size in (0, 1, 16_384, 65_535, 65_536, 70_000, MIB)]
    assert [message async for message in channel.stream_stream("/t.T/Echo")(iter(parts))] == parts


async def test_a_conversation_takes_turns(channel: grpc.aio.Channel) -> None:
    call = channel.stream_stream("/t.T/Echo")()
    for number in range(200):
        await call.write(b"%d" % number)
        assert await call.read() == b"%d" % number
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF
    assert await call.code() is grpc.StatusCode.OK


async def test_a_thousand_streams_at_once(channel: grpc.aio.Channel, application: Seen) -> None:
    calls = [channel.stream_stream("/t.T/Echo")() for _ in range(1000)]

    async def say(number: int, call: grpc.aio.StreamStreamCall) -> None:
        await call.write(b"%d" % number)
        assert await call.read() == b"%d" % number

    await asyncio.wait_for(asyncio.gather(*[say(n, call) for n, call in enumerate(calls)]), 30)
    await until(lambda: application.most == 1000)
    await asyncio.gather(*[call.done_writing() for call in calls])
    assert {await call.code() for call in calls} == {grpc.StatusCode.OK}
    await until(lambda: application.open == 0)


async def test_a_deadline_is_known_to_the_far_side(channel: grpc.aio.Channel, application: Seen) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as late:
        await channel.unary_unary("/t.T/Unary")(b"sleep", timeout=0.5)
    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await asyncio.wait_for(application.ended.wait(), 60)
    assert application.left is not None
    assert 0 < application.left < 0.6  # it is sent rounded up


async def test_a_cancelled_call_ends_at_the_far_side(channel: grpc.aio.Channel, application: Seen) -> None:
    call = channel.stream_stream("/t.T/Echo")()
    await call.write(b"one")
    assert await call.read() == b"one"
    call.cancel()
    await asyncio.wait_for(application.ended.wait(), 60)
    assert await channel.unary_unary("/t.T/Unary")(b"next") == b"next"


async def test_64_mib_both_ways(channel: grpc.aio.Channel) -> None:
    large = bytes(range(256)) * (64 * MIB // 256)
    assert await channel.unary_unary("/t.T/Unary")(large) == large


async def test_trailers_only(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await channel.unary_unary("/t.T/Unary")(b"refuse")
    error = failed.value
    assert (error.code(), error.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "not 100 %: doughnuts — é\n")
    assert dict(error.trailing_metadata())["why-bin"] == b"\0\xff\n"
    with pytest.raises(grpc.aio.AioRpcError) as unknown:
        await channel.unary_unary("/t.T/Nothing")(b"")
    assert unknown.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_large_metadata(channel: grpc.aio.Channel) -> None:
    large = "m" * 12_000  # more than a frame with what is beside it: CONTINUATION at the latest on the way back
    raw = bytes(range(256)) * 8
    call = channel.unary_unary("/t.T/Unary")(b"metadata", metadata=(("large", large), ("raw-bin", raw)))
    assert await call == b"metadata"
    head = dict(await call.initial_metadata())
    assert (head["back"], head["back-bin"]) == (large, raw)
    assert dict(await call.trailing_metadata())["end"] == large


async def test_a_server_that_goes_away_is_unavailable(mesh: Local) -> None:
    """Nobody listens: the code that says so, at once."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{mesh.outbound('voting')}", OPTIONS) as channel:
        told = []
        for _ in range(2):
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await asyncio.wait_for(channel.unary_unary("/t.T/Unary")(b"hello"), 30)
            assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
            told.append(failed.value.details())
    # The first call may go out on the connection that the server of the test before is just closing.
    assert told in (["connect-refused"] * 2, ["upstream-closed", "connect-refused"])


SCENARIOS = ["kinds", "turns", "thousand", "deadline", "cancel", "large", "trailers", "metadata"]


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_a_client_of_go(port: int, application: Seen, scenario: str) -> None:
    """What the tests above ask for, asked by grpc-go (tests/peers/go/grpcpeer/client.go)."""
    client = await asyncio.create_subprocess_exec(
        need_go(GRPCPEER), "call", f"127.0.0.1:{port}", scenario, stderr=asyncio.subprocess.PIPE
    )
    _, wrong = await asyncio.wait_for(client.communicate(), 40)
    assert client.returncode == 0, wrong.decode()
    if scenario == "thousand":
        await until(lambda: application.most == 1000)
    elif scenario == "deadline":
        await asyncio.wait_for(application.ended.wait(), 60)
        assert application.left is not None
        assert 0 < application.left < 0.6
    elif scenario == "cancel":
        await asyncio.wait_for(application.ended.wait(), 60)
    await until(lambda: application.open == 0)
