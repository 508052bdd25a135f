"""What real sidecars hold in memory: little of what a slow reader does not take, and little for each that is idle."""

import asyncio
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

import pytest
import pytest_asyncio

from agents.sidecar.engine.http2 import wire
from agents.sidecar.engine.http2.limits import Limits
from agents.sidecar.engine.http2.stream import Stream
from tests.support.h2client import Client
from tests.support.plane import free_port
from tests.support.rogue import MUCH, PIECE, Rogue, serving
from tests.support.solo import Sidecar, Solo
from tests.support.tools import absent

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

MIB = 1 << 20
IDLE = 10_000
DESCRIPTORS = IDLE * 4 // 3 + 1000  # a sidecar keeps a quarter free
GET = b"GET /%b HTTP/1.1\r\nHost: web\r\n\r\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair() -> AsyncIterator[tuple[Sidecar, Sidecar]]:
    application = free_port()
    async with serving(application), Solo() as solo:
        solo.plane.orders.clear()
        web = await solo.inbound("web", application)
        yield web, await solo.outbound("caller", web)


class Slow(asyncio.BufferedProtocol):
    """Reads nothing until it is told to, then everything, with a rest now and then."""

    def __init__(self) -> None:
        self.count = 0
        self.most = MUCH
        self.done = asyncio.Event()
        self._buffer = memoryview(bytearray(MIB))
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, size: int) -> None:
        before = self.count
        self.count += size
        if self.count >= self.most:
            self.done.set()
        elif self.count // (MUCH // 8) > before // (MUCH // 8):
            self.transport.pause_reading()
            asyncio.get_running_loop().call_later(0.1, self.transport.resume_reading)

    def connection_lost(self, error: BaseException | None) -> None:
        self.done.set()


class Taking(Rogue):
    """An application of HTTP/2 that takes uploads as slowly."""

    def do_take(self, stream: Stream) -> None:
        """Answers nothing: what matters is what comes."""

    def on_data(self, stream: Stream, data: bytes, end: bool) -> None:
        taken = Application.taken
        before = taken.count
        taken.count += len(data)
        rest = 1.0 if not before else 0.1 if taken.count // (MUCH // 8) > before // (MUCH // 8) else 0.0
        self.loop.call_later(rest, stream.consumed, len(data))
        if taken.count >= MUCH:
            taken.done.set()


class Application(asyncio.Protocol):
    """One connection of a slow application: HTTP/2, or whatever else it is, which it only counts."""

    taken: ClassVar[Slow]  # what all of them took; a connection of the mesh is kept for the next test

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        taken, transport = Application.taken, self._transport
        if data.startswith(b"PRI"):
            made = Taking()
            transport.set_protocol(made)
            made.connection_made(transport)
            made.data_received(data)
            return
        taken.count += len(data)
        taken.connection_made(transport)
        transport.set_protocol(taken)
        transport.pause_reading()
        asyncio.get_running_loop().call_later(1.0, transport.resume_reading)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def taking() -> AsyncIterator[tuple[Sidecar, Sidecar]]:
    server = await asyncio.get_running_loop().create_server(Application, "127.0.0.1", 0)
    async with Solo() as solo:
        solo.plane.orders.clear()
        web = await solo.inbound("web", server.sockets[0].getsockname()[1])
        yield web, await solo.outbound("caller", web)
    server.close()


class Memory:
    """How much two processes have grown, at most."""

    def __init__(self, *sidecars: Sidecar) -> None:
        self._before = {sidecar.name: sidecar.resident for sidecar in sidecars}
        self._sidecars = sidecars
        self.most = 0

    async def watch(self) -> None:
        while True:
            grown = [sidecar.resident - self._before[sidecar.name] for sidecar in self._sidecars]
            self.most = max(self.most, *grown)
            await asyncio.sleep(0.05)


async def bytes_of(port: int, word: bytes) -> int:
    """Fetch 1 GiB slowly over a connection of bytes; returns how much came."""
    transport, slow = await asyncio.get_running_loop().create_connection(Slow, "127.0.0.1", port)
    transport.pause_reading()
    transport.write(word)
    await asyncio.sleep(1.0)
    transport.resume_reading()
    await asyncio.wait_for(slow.done.wait(), 60)
    transport.abort()
    return slow.count


async def stream_of(port: int) -> int:
    """Fetch 1 GiB slowly over a stream of HTTP/2; returns how much came."""
    client = await Client.to(port, Limits(stream_window=1 << 20, connection_window=1 << 21))
    answer = client.begin(b"/much", reading=False)
    await asyncio.sleep(1.0)
    (stream,) = client.streams
    while not answer.ended.is_set():
        await asyncio.sleep(0.001)
        stream.consumed(stream.read_bytes - stream.taken)
    client.transport.abort()
    return answer.size


@pytest.mark.parametrize("way", ["inbound", "pair"])
@pytest.mark.parametrize("what", ["http1", "http2", "opaque"])
async def test_a_gibibyte_for_a_slow_client(pair: tuple[Sidecar, Sidecar], what: str, way: str) -> None:
    web, near = pair
    port = near.port if way == "pair" else web.port
    if what == "http2":
        await (await Client.to(port)).ask(b"/well")  # what is made once is no growth
    memory = Memory(*pair)
    watching = asyncio.ensure_future(memory.watch())
    if what == "http2":
        count = await stream_of(port)
    else:
        count = await bytes_of(port, GET % b"much" if what == "http1" else b"\0MUCH")
    watching.cancel()
    assert count >= MUCH
    assert memory.most < 8 * MIB, memory.most / MIB
    for sidecar in pair:
        assert await sidecar.until(0, "meshtui_limit_used", 'limit="waiting_bytes"') == 0


class Sender(asyncio.Protocol):
    """Sends as much as there is to send."""

    def __init__(self) -> None:
        self._able = asyncio.Event()
        self._able.set()
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def pause_writing(self) -> None:
        self._able.clear()

    def resume_writing(self) -> None:
        self._able.set()

    async def send(self, word: bytes) -> None:
        self.transport.write(word)
        for _ in range(MUCH // len(PIECE)):
            self.transport.write(PIECE)
            await self._able.wait()


async def bytes_to(port: int, word: bytes) -> None:
    """Send 1 GiB over a connection of bytes; ends when all of it was taken."""
    transport, sender = await asyncio.get_running_loop().create_connection(Sender, "127.0.0.1", port)
    sending = asyncio.ensure_future(sender.send(word))
    await asyncio.wait_for(Application.taken.done.wait(), 90)
    await sending
    transport.abort()


async def stream_to(port: int) -> None:
    """Send 1 GiB over a stream of HTTP/2; ends when all of it was taken."""
    client = await Client.to(port)
    answer = client.begin(b"/take", end=False)
    (stream,) = client.streams
    async with asyncio.timeout(90):
        for _ in range(MUCH // len(PIECE)):
            answer.drained.clear()
            if not stream.send_data(PIECE):
                await answer.drained.wait()
        await Application.taken.done.wait()
    client.transport.abort()


@pytest.mark.parametrize("what", ["http1", "http2", "opaque"])
async def test_a_gibibyte_for_a_slow_application(taking: tuple[Sidecar, Sidecar], what: str) -> None:
    """Through a pair: one of the two takes it from a plain client, the other one hands it to the application."""
    port = taking[1].port
    Application.taken = Slow()
    memory = Memory(*taking)
    watching = asyncio.ensure_future(memory.watch())
    if what == "http2":
        await stream_to(port)
    else:
        post = b"POST /take HTTP/1.1\r\nHost: web\r\nContent-Length: %d\r\n\r\n" % MUCH
        await bytes_to(port, post if what == "http1" else b"\0TAKE")
    watching.cancel()
    assert Application.taken.count >= MUCH
    assert memory.most < 8 * MIB, memory.most / MIB
    for sidecar in taking:
        assert await sidecar.until(0, "meshtui_limit_used", 'limit="waiting_bytes"') == 0


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Allow this process, and the sidecar that it starts, as many as the connections take."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(before[1], DESCRIPTORS)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except ValueError:
        absent(f"{DESCRIPTORS} descriptors are needed, and no more than {before[1]} allowed: ulimit -Hn {DESCRIPTORS}")
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def idle(port: int, kind: str) -> list[socket.socket]:
    """Return connections that have nothing to say, or nothing more."""
    made = []
    for _ in range(IDLE):
        client = socket.create_connection(("127.0.0.1", port))
        made.append(client)
        if kind == "http1":
            client.sendall(GET % b"well")
            assert client.recv(1000).endswith(b"well")
        elif kind == "http2":
            client.sendall(wire.PREFACE + wire.settings({}))
            assert client.recv(1000)
    return made


@pytest.mark.parametrize("kind", ["silent", "http1", "http2"])
async def test_ten_thousand_idle_connections(descriptors: None, kind: str) -> None:
    """They have said nothing yet, had the answer to a request, or greeted in HTTP/2."""
    application = free_port()
    async with serving(application), Solo() as solo:
        web = await solo.inbound("web", application)
        clients = await asyncio.to_thread(idle, web.port, kind)
        assert await web.until(IDLE, "meshtui_limit_used", 'limit="connections"') == IDLE
        resident = web.resident
        for client in clients:
            client.close()
        assert resident < 150 * MIB, resident / MIB
        assert await web.until(0, "meshtui_limit_used", 'limit="connections"') == 0
