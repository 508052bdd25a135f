"""gRPC through the data plane, with grpcio at both ends: one sidecar, and a pair with mutual TLS between them."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest

from agents.sidecar.engine.exchange import FAILURE, GRPC, SUCCESS
from tests.support.mesh import Mesh, new_authority

MIB = 1 << 20
OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
]


async def _unary(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
    if request == b"fail":
        await context.abort(grpc.StatusCode.UNAVAILABLE, "no doughnuts: é")
    if request == b"sleep":
        await asyncio.sleep(30)
    return request


async def _count(request: bytes, context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
    for number in range(int(request)):
        yield b"%d" % number


async def _sum(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> bytes:
    return b"%d" % sum([int(number) async for number in requests])


async def _echo(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
    async for request in requests:
        yield request


class Application:
    """A grpcio server with all four kinds of call."""

    def __init__(self) -> None:
        self.server = grpc.aio.server(options=OPTIONS)
        handlers = {
            "Unary": grpc.unary_unary_rpc_method_handler(_unary),
            "Count": grpc.unary_stream_rpc_method_handler(_count),
            "Sum": grpc.stream_unary_rpc_method_handler(_sum),
            "Echo": grpc.stream_stream_rpc_method_handler(_echo),
        }
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", handlers),))
        self.port = self.server.add_insecure_port("127.0.0.1:0")


@pytest.fixture
async def application() -> AsyncIterator[Application]:
    made = Application()
    await made.server.start()
    yield made
    await made.server.stop(0)


async def _calls(channel: grpc.aio.Channel) -> None:
    """All four kinds, a failure, a deadline, and something large."""
    unary = channel.unary_unary("/t.T/Unary")
    assert await unary(b"hello") == b"hello"
    assert await asyncio.gather(*[unary(b"%d" % n) for n in range(200)]) == [b"%d" % n for n in range(200)]
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await unary(b"fail")
    assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
    assert failed.value.details() == "no doughnuts: é"
    with pytest.raises(grpc.aio.AioRpcError) as late:
        await unary(b"sleep", timeout=0.2)
    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert [message async for message in channel.unary_stream("/t.T/Count")(b"5")] == [b"0", b"1", b"2", b"3", b"4"]
    assert await channel.stream_unary("/t.T/Sum")(iter([b"1", b"2", b"3"])) == b"6"
    parts = [b"x" * n for n in (0, 1, 70_000, MIB)]
    assert [message async for message in channel.stream_stream("/t.T/Echo")(iter(parts))] == parts
    large = bytes(range(256)) * (16 * MIB // 256)
    assert await unary(large) == large


async def test_one_sidecar(application: Application) -> None:
    async with Mesh() as mesh:
        near = mesh.sidecar("web")
        entry = near.outbound("voting", near.endpoint(None, application.port))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{entry}", OPTIONS) as channel:
            await _calls(channel)
        ended = near.ended.exchanges
        assert len(ended) == 207
        assert {x.protocol for x in ended} == {GRPC}
        assert [x.grpc_status for x in ended].count(0) == 205
        assert [x.grpc_status for x in ended].count(14) == 1
        failed = next(x for x in ended if x.grpc_status == 14)
        assert (failed.classification, failed.grpc_message) == (FAILURE, "no doughnuts: é")


async def test_a_pair(application: Application) -> None:
    async with Mesh() as mesh:
        far, near = mesh.sidecar("voting"), mesh.sidecar("web")
        entry = near.outbound("voting", near.endpoint(far, far.inbound(application.port)))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{entry}", OPTIONS) as channel:
            await _calls(channel)
        assert len(near.ended.exchanges) == len(far.ended.exchanges) == 207
        x = far.ended.exchanges[0]
        assert (x.client.name, x.client.pod, x.client.identity) == ("web", "web-0", near.me.identity)
        assert (x.path, x.classification, x.status) == (b"/t.T/Unary", SUCCESS, 200)
        assert len(far.host.open) == 1


async def test_a_certificate_is_renewed_under_load(application: Application) -> None:
    async with Mesh() as mesh:
        far, near = mesh.sidecar("voting"), mesh.sidecar("web")
        endpoint = near.endpoint(far, far.inbound(application.port))
        entry = near.outbound("voting", endpoint)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{entry}", OPTIONS) as channel:
            unary = channel.unary_unary("/t.T/Unary")
            await unary(b"first")
            before = endpoint.carriers.current
            calls = [asyncio.ensure_future(unary(b"%d" % n)) for n in range(50)]
            near.renew()
            for _ in range(20):
                calls += [asyncio.ensure_future(unary(b"%d" % n)) for n in range(10)]
                await asyncio.sleep(0.005)
            await asyncio.gather(*calls)
            assert endpoint.carriers.current is not before
            assert len(far.host.open) == 1


async def test_an_impostor_hears_nothing(application: Application) -> None:
    async with Mesh() as mesh:
        other, near, far = mesh.sidecar("other"), mesh.sidecar("web"), mesh.sidecar("voting")
        entry = near.outbound("voting", near.endpoint(far, other.inbound(application.port)))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{entry}", OPTIONS) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await channel.unary_unary("/t.T/Unary")(b"secret")
        assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
        assert near.ended.exchanges[0].error == "identity-mismatch"
        assert not other.ended.exchanges
        assert near.runtime.certs.refusals.counts["outbound", "identity-mismatch"]


async def test_a_thousand_streams_share_a_connection(application: Application) -> None:
    async with Mesh() as mesh:
        far, near = mesh.sidecar("voting"), mesh.sidecar("web")
        endpoint = near.endpoint(far, far.inbound(application.port))
        entry = near.outbound("voting", endpoint)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{entry}", OPTIONS) as channel:
            echo = channel.stream_stream("/t.T/Echo")

            async def begin(number: int) -> grpc.aio.StreamStreamCall:
                call = echo()
                await call.write(b"%d" % number)
                assert await call.read() == b"%d" % number
                return call

            calls = await asyncio.gather(*[begin(number) for number in range(1000)])
            assert [len(carrier.h2.streams) for carrier in endpoint.carriers.open] == [1000]
            for call in calls:
                call.cancel()
            await asyncio.sleep(0.3)
        assert [x.grpc_status for x in far.ended.exchanges] == [1] * 1000
        assert not endpoint.carriers.open[0].h2.streams


async def test_a_sidecar_drains_under_load(application: Application) -> None:
    async with Mesh() as mesh:
        far, near = mesh.sidecar("voting"), mesh.sidecar("web")
        entry = near.outbound("voting", near.endpoint(far, far.inbound(application.port)))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{entry}", OPTIONS) as channel:
            unary = channel.unary_unary("/t.T/Unary")
            ending = False

            async def ask() -> int:
                count = 0
                while not ending:
                    await unary(b"x")
                    count += 1
                return count

            asking = [asyncio.ensure_future(ask()) for _ in range(4)]
            for _ in range(3):
                await asyncio.sleep(0.2)
                for connection in tuple(far.host.open):
                    connection.drain()
            ending = True
            assert min(await asyncio.gather(*asking)) > 10
        assert {x.grpc_status for x in near.ended.exchanges} == {0}


@pytest.mark.parametrize("stranger", ["client", "server"])
async def test_a_foreign_authority_is_nobody(application: Application, stranger: str) -> None:
    async with Mesh() as mesh:
        foreign = new_authority()
        far = mesh.sidecar("voting", foreign if stranger == "server" else None)
        near = mesh.sidecar("web", foreign if stranger == "client" else None)
        entry = near.outbound("voting", near.endpoint(far, far.inbound(application.port)))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{entry}", OPTIONS) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await channel.unary_unary("/t.T/Unary")(b"secret", timeout=60)
        assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
        assert near.ended.exchanges[0].error in ("tls-failed", "tls-refused")
        assert not far.ended.exchanges


async def test_new_anchors_are_asked_of_open_connections_too(application: Application) -> None:
    async with Mesh() as mesh:
        far, near = mesh.sidecar("voting"), mesh.sidecar("web")
        endpoint = near.endpoint(far, far.inbound(application.port))
        entry = near.outbound("voting", endpoint)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{entry}", OPTIONS) as channel:
            unary, echo = channel.unary_unary("/t.T/Unary"), channel.stream_stream("/t.T/Echo")()
            await echo.write(b"open")
            assert await echo.read() == b"open"
            (before,) = tuple(far.host.open)
            far.renew()
            for _ in range(20):
                before.tick()
                assert await unary(b"x") == b"x"
                await asyncio.sleep(0.05)
            assert len(far.host.open) == 2
            await echo.write(b"still open")
            assert await echo.read() == b"still open"
            await echo.done_writing()
            assert await echo.read() is grpc.aio.EOF
            await asyncio.sleep(0.1)
            assert before not in far.host.open
        assert {x.error for x in near.ended.exchanges} == {""}
