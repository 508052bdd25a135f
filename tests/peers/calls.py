"""gRPC applications for the peers tier, one of grpcio and one of grpc-go: all four kinds of call, the same answers.

`t.T/Unary` repeats what it got, `Count` counts up to it, `Sum` adds, `Echo` repeats each message. Both tell the test
what they saw of calls that ended early.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

import grpc
import grpc.aio

from tests.support.tools import need_go

GRPCPEER = "./grpcpeer"
OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_metadata_size", 64 * 1024),
    ("grpc.absolute_max_metadata_size", 64 * 1024),
    ("grpc.use_local_subchannel_pool", 1),
]


class Seen:
    """What an application saw."""

    def __init__(self) -> None:
        self.open = 0  # conversations
        self.most = 0  # of them at once
        self.left: float | None = None  # of the deadline, when the call came
        self.ended = asyncio.Event()  # a call ended early

    async def start(self, port: int) -> None:
        raise NotImplementedError

    async def stop(self) -> None:
        raise NotImplementedError

    def now_open(self, number: int) -> None:
        self.open = number
        self.most = max(self.most, number)


class Python(Seen):
    """A server of grpcio, in the test itself."""

    def __init__(self) -> None:
        super().__init__()
        self.server = grpc.aio.server(options=OPTIONS)
        handlers = {
            "Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "Count": grpc.unary_stream_rpc_method_handler(self.up_to),
            "Sum": grpc.stream_unary_rpc_method_handler(self.sum),
            "Echo": grpc.stream_stream_rpc_method_handler(self.echo),
        }
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", handlers),))

    async def start(self, port: int) -> None:
        self.server.add_insecure_port(f"127.0.0.1:{port}")
        await self.server.start()

    async def stop(self) -> None:
        await self.server.stop(0)

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

    async def up_to(self, request: bytes, context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
        for number in range(int(request)):
            yield b"%d" % number

    async def sum(self, requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> bytes:
        return b"%d" % sum([int(number) async for number in requests])

    async def echo(self, requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
        self.now_open(self.open + 1)
        try:
            async for request in requests:
                yield request
        finally:
            self.now_open(self.open - 1)
            self.ended.set()


class Go(Seen):
    """A server of grpc-go, in a process of its own, which says a line for each thing seen."""

    async def start(self, port: int) -> None:
        self._process = await asyncio.create_subprocess_exec(
            need_go(GRPCPEER), "serve", f"127.0.0.1:{port}", stdout=asyncio.subprocess.PIPE
        )
        assert self._process.stdout is not None
        assert await asyncio.wait_for(self._process.stdout.readline(), 30) == b"ready\n"
        self._listening = asyncio.ensure_future(self._listen(self._process.stdout))

    async def stop(self) -> None:
        self._process.kill()
        await self._process.wait()
        await self._listening

    async def _listen(self, lines: asyncio.StreamReader) -> None:
        async for line in lines:
            word, _, value = line.decode().strip().partition(" ")
            if word == "open":
                self.now_open(int(value))
            elif word == "left":
                self.left = float(value)
            else:
                assert word == "ended", line
                self.ended.set()


APPLICATIONS: dict[str, Callable[[], Seen]] = {"python": Python, "go": Go}
