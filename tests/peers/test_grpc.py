"""gRPC with grpcio at both ends, through two sidecars of a local mesh with mutual TLS between them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import grpc
import grpc.aio
import pytest

from tests.support.local import Local, free_port, inside

MIB = 1 << 20
OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", 64 * 1024),
    ("grpc.absolute_max_metadata_size", 64 * 1024),
    ("grpc.use_local_subchannel_pool", 1),
]
PORT = free_port()


@pytest.fixture(scope="module")
def mesh() -> Iterator[Local]:
    with Local({"voting": inside(PORT)}) as mesh:
        yield mesh


class Application:
    """A server with all four kinds of call, and what it saw of those that ended early."""

    def __init__(self) -> None:
        self.open = 0
        self.most = 0
        self.left: float | None = None  # of the deadline, when the call came
        self.ended = asyncio.Event()
        self.server = grpc.aio.server(options=OPTIONS)
        handlers = {
            "Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "Count": grpc.unary_stream_rpc_method_handler(self.count),
            "Sum": grpc.stream_unary_rpc_method_handler(self.sum),
            "Echo": grpc.stream_stream_rpc_method_handler(self.echo),
        }
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", handlers),))
        self.server.add_insecure_port(f"127.0.0.1:{PORT}")

    async def unary(self, request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        metadata = dict(context.invocation_metadata() or ())
        if request == b"sleep":
            self.left = context.time_remaining()
            try:
                await asyncio.sleep(30)
            finally:
                self.ended.set()
        elif request == b"refuse":
            context.set_trailing_metadata((("why-bin", b"\0\xff\n"),))
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not 100 %: doughnuts — é\n")
        elif request == b"metadata":
            await context.send_initial_metadata((("back", metadata["large"]), ("back-bin", metadata["raw-bin"])))
            context.set_trailing_metadata((("end", metadata["large"]),))
        return request

    async def count(self, request: bytes, context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
        for number in range(int(request)):
            yield b"%d" % number

    async def sum(self, requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> bytes:
        return b"%d" % sum([int(number) async for number in requests])

    async def echo(self, requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            async for request in requests:
                yield request
        finally:
            self.open -= 1
            self.ended.set()


@pytest.fixture
async def application(mesh: Local) -> AsyncIterator[Application]:
    made = Application()
    await made.server.start()
    yield made
    await made.server.stop(0)


@pytest.fixture(params=["pair", "inbound"])
async def channel(
    request: pytest.FixtureRequest, mesh: Local, application: Application
) -> AsyncIterator[grpc.aio.Channel]:
    port = mesh.outbound("voting") if request.param == "pair" else mesh.inbound("voting")
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


async def test_a_thousand_streams_at_once(channel: grpc.aio.Channel, application: Application) -> None:
    calls = [channel.stream_stream("/t.T/Echo")() for _ in range(1000)]

    async def say(number: int, call: grpc.aio.StreamStreamCall) -> None:
        await call.write(b"%d" % number)
        assert await call.read() == b"%d" % number

    await asyncio.wait_for(asyncio.gather(*[say(n, call) for n, call in enumerate(calls)]), 30)
    assert application.most == 1000
    await asyncio.gather(*[call.done_writing() for call in calls])
    assert {await call.code() for call in calls} == {grpc.StatusCode.OK}
    assert application.open == 0


async def test_a_deadline_is_known_to_the_far_side(channel: grpc.aio.Channel, application: Application) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as late:
        await channel.unary_unary("/t.T/Unary")(b"sleep", timeout=0.5)
    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert application.left is not None
    assert 0 < application.left < 0.6  # it is sent rounded up
    await asyncio.wait_for(application.ended.wait(), 2)


async def test_a_cancelled_call_ends_at_the_far_side(channel: grpc.aio.Channel, application: Application) -> None:
    call = channel.stream_stream("/t.T/Echo")()
    await call.write(b"one")
    assert await call.read() == b"one"
    call.cancel()
    await asyncio.wait_for(application.ended.wait(), 2)
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
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await asyncio.wait_for(channel.unary_unary("/t.T/Unary")(b"hello"), 10)
    assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "connect-refused" in (failed.value.details() or "")
