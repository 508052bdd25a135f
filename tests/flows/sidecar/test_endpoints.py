"""Endpoints that come, go and change their weight under load: real sidecars follow, and not a request fails by it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import pytest

from agents.sidecar.engine.http2.stream import Stream
from tests.support.h2client import Client
from tests.support.rogue import DONE, OK, Rogue
from tests.support.solo import Solo

pytestmark = pytest.mark.timeout(240)

LIMIT_S = 60.0
WINDOW = 250  # answers of each protocol by which shares are judged
CLIENTS = 4
Shares = Counter[str]


class Named(Rogue):
    """A connection of HTTP/2 to an application that says who it is."""

    def __init__(self, name: bytes) -> None:
        super().__init__()
        self._name = name

    def do_who(self, stream: Stream) -> None:
        stream.send_headers(OK)
        stream.send_data(self._name)
        stream.send_trailers(DONE)


class Who(asyncio.Protocol):
    """A connection to it: requests of HTTP/1 without a body, unless it is HTTP/2."""

    def __init__(self, name: bytes) -> None:
        self._name = name
        self._held = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"PRI"):
            made = Named(self._name)
            self._transport.set_protocol(made)
            made.connection_made(self._transport)
            made.data_received(data)
            return
        *heads, self._held = (self._held + data).split(b"\r\n\r\n")
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(self._name), self._name)
        self._transport.write(answer * len(heads))


@asynccontextmanager
async def saying(name: str) -> AsyncIterator[int]:
    """Have an application of this name listen; yields its port."""
    server = await asyncio.get_running_loop().create_server(partial(Who, name.encode()), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


class Load:
    """Clients of both protocols that ask until they are told to stop; `seen` is who answered how often."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._over = asyncio.Event()
        self.seen: dict[str, Shares] = {"http1": Counter(), "grpc": Counter()}
        asking = [one() for one in (self._http1, self._grpc) for _ in range(CLIENTS)]
        self._tasks = [asyncio.ensure_future(one) for one in asking]

    async def until(self, wanted: Callable[[Shares], bool]) -> None:
        """Wait for a window of answers in each protocol whose shares are as wanted; a failure is told at once."""
        async with asyncio.timeout(LIMIT_S):
            missing = set(self.seen)
            while missing:
                shares = await self._window()
                missing -= {name for name in missing if wanted(shares[name])}

    async def end(self) -> None:
        """Stop; raises what a client was told that was no answer."""
        self._over.set()
        await asyncio.gather(*self._tasks)

    async def _window(self) -> dict[str, Shares]:
        before = {name: seen.copy() for name, seen in self.seen.items()}
        while any(self.seen[name].total() < before[name].total() + WINDOW for name in before):
            for task in self._tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(0.02)
        return {name: self.seen[name] - before[name] for name in before}

    async def _http1(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while not self._over.is_set():
            writer.write(b"GET /who HTTP/1.1\r\nHost: web\r\n\r\n")
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT_S)
            assert head.startswith(b"HTTP/1.1 200 OK\r\n"), head
            name = await reader.readexactly(int(head.rpartition(b":")[2]))
            self.seen["http1"][name.decode()] += 1
        writer.close()

    async def _grpc(self) -> None:
        client = await Client.to(self._port)
        while not self._over.is_set():
            answer = await client.ask(b"/who", grpc=True, limit=LIMIT_S)
            assert (answer.reset, answer.fields.get(b"grpc-status")) == (None, b"0"), answer.fields
            self.seen["grpc"][answer.body.decode()] += 1
        client.transport.abort()


async def test_endpoints_come_go_and_change_their_weight_under_load() -> None:
    async with AsyncExitStack() as stack:
        ports = [await stack.enter_async_context(saying(name)) for name in ("one", "two", "three")]
        solo = await stack.enter_async_context(Solo())
        solo.plane.orders.clear()
        one, two, three = [
            await solo.inbound(name, port) for name, port in zip(("one", "two", "three"), ports, strict=True)
        ]
        near = await solo.outbound("caller", one, two)
        load = Load(near.port)
        try:
            await load.until(
                lambda shares: set(shares) == {"one", "two"} and min(shares.values()) > 0.3 * shares.total()
            )
            solo.offer("one", {one: 1, two: 1, three: 1})  # one comes
            await load.until(lambda shares: len(shares) == 3 and min(shares.values()) > 0.2 * shares.total())
            solo.offer("one", {one: 8, two: 1, three: 1})  # one is to have eight tenths
            await load.until(lambda shares: 0.7 < shares["one"] / shares.total() < 0.9)
            solo.offer("one", {one: 1, two: 1, three: 8})
            await load.until(lambda shares: 0.7 < shares["three"] / shares.total() < 0.9)
            solo.offer("one", {two: 1, three: 1})  # one goes
            await load.until(
                lambda shares: set(shares) == {"two", "three"} and min(shares.values()) > 0.3 * shares.total()
            )
            one.process.terminate()  # and nobody misses it
            assert await asyncio.to_thread(one.process.wait, LIMIT_S) == 0
            await load.until(lambda shares: set(shares) == {"two", "three"})
            solo.offer("one", {three: 1})
            await load.until(lambda shares: set(shares) == {"three"})
        finally:
            await load.end()
        for sidecar in (near, two, three):
            assert await sidecar.metrics("response_total", 'classification="failure"') == 0
