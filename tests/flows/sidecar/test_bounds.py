"""The limits of real sidecars: what is beyond is told so and counted, everything else goes on, nothing stays in use."""

import asyncio
import random
import resource
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from agents.sidecar.engine.exchange import INBOUND, OUTBOUND
from agents.sidecar.engine.http2 import wire
from agents.sidecar.engine.http2.limits import Limits
from agents.sidecar.host import arrival
from tests.support.h2client import HEARING, Client
from tests.support.mesh import Mesh
from tests.support.plane import free_port
from tests.support.rogue import serving
from tests.support.solo import Sidecar, Solo

pytestmark = pytest.mark.timeout(180)

MIB = 1 << 20


@pytest.fixture
async def application() -> AsyncIterator[int]:
    port = free_port()
    async with serving(port):
        yield port


class Asked:
    """A client of HTTP/1 that has sent a request."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def head(self) -> bytes:
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 60)

    def leave(self) -> None:
        """Go with a reset: a client that only closes may still be waiting for its answer, as far as TCP can tell."""
        leave(self.writer)

    def again(self, path: str) -> None:
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: web\r\n\r\n".encode())


def leave(writer: asyncio.StreamWriter) -> None:
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.close()


async def ask(port: int, path: str = "/well") -> Asked:
    asked = Asked(*await asyncio.open_connection("127.0.0.1", port))
    asked.again(path)
    return asked


async def refused(port: int, what: str, reason: str, path: str) -> None:
    """See to it that a request is refused as its protocol has it."""
    if what == "http1":
        asked = await ask(port, path)
        assert (await asked.head()).startswith(
            f"HTTP/1.1 503 Service Unavailable\r\nmeshtui-error: {reason}\r\n".encode()
        )
        asked.writer.close()
        return
    client = await Client.to(port)
    answer = await client.ask(path.encode(), grpc=what == "grpc")
    assert answer.error == reason.encode()
    wanted = (b"200", b"14") if what == "grpc" else (b"503", None)
    assert (answer.fields[b":status"], answer.fields.get(b"grpc-status")) == wanted
    client.transport.abort()


async def settled(*sidecars: Sidecar, connections: int = 0) -> None:
    """See to it that nothing is in use any more."""
    for sidecar in sidecars:
        used = await sidecar.until(connections, "meshtui_limit_used", 'limit="connections"')
        assert used == connections, sidecar.name
        await idle(sidecar)


async def idle(sidecar: Sidecar) -> None:
    """See to it that no request is in flight, and nothing waits for anybody."""
    for limit in ("requests", "waiting_bytes"):
        assert await sidecar.until(0, "meshtui_limit_used", f'limit="{limit}"') == 0, (sidecar.name, limit)
    assert await sidecar.until(0, "meshtui_endpoint_inflight_requests") == 0


async def accepted(sidecar: Sidecar) -> None:
    """See to it that all who have connected so far were accepted: they are in the order of their coming."""
    last = await ask(sidecar.port)
    with suppress(asyncio.IncompleteReadError, OSError):  # any answer will do, a full sidecar's, too
        await asyncio.wait_for(last.reader.readuntil(b"\r\n\r\n"), 60)
    last.writer.close()


@pytest.mark.parametrize("way", ["inbound", "outbound", "pair"])
async def test_requests_in_flight(application: int, way: str) -> None:
    async with Solo() as solo:
        few = {"max_requests": 2}
        web = await solo.inbound("web", application, **({} if way == "outbound" else few))
        near = await solo.outbound("caller", web, **(few if way == "outbound" else {}))
        full = near if way == "outbound" else web
        port = web.port if way == "inbound" else near.port
        held = [await ask(port, "/stall") for _ in range(2)]
        assert await full.until(2, "meshtui_limit_used", 'limit="requests"') == 2
        for what in ("http1", "http2", "grpc"):
            await refused(port, what, "requests-limit", f"/refused/{what}")
            ended = await solo.ended(f"/refused/{what}", OUTBOUND if way == "outbound" else INBOUND)
            assert (ended.error, ended.classification) == ("requests-limit", 2)
        assert await full.until(3, "response_total", 'error="requests-limit"', 'classification="failure"') == 3
        assert await full.metrics("meshtui_limit_refused_total", 'limit="requests"') == 3
        held[0].leave()
        assert await full.until(1, "meshtui_limit_used", 'limit="requests"') == 1
        last = await ask(port)
        assert (await last.head()).startswith(b"HTTP/1.1 200 OK")
        last.leave()
        held[1].leave()
        await settled(full, connections=2 if way == "pair" else 0)  # the hop, and a stream kept for the next request


async def test_connections(application: int) -> None:
    async with Solo() as solo:
        web = await solo.inbound("web", application, max_connections=2)
        held = [await ask(web.port) for _ in range(2)]
        for asked in held:
            assert (await asked.head()).startswith(b"HTTP/1.1 200 OK")
        for what in ("http1", "http2", "grpc"):
            await refused(web.port, what, "connections-limit", f"/refused/{what}")
            assert (await solo.ended(f"/refused/{what}", INBOUND)).error == "connections-limit"
        reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
        writer.write(b"\0opaque")
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 30) == b""
        assert await web.until(3, "response_total", 'error="connections-limit"') == 3
        assert await web.metrics("tcp_close_total", 'errno="connections-limit"') == 1
        assert await web.metrics("meshtui_limit_refused_total", 'limit="connections"') == 4
        for asked in held:
            asked.again("/well")  # who is in stays in
            assert (await asked.head()).endswith(b"Content-Length: 4\r\n\r\n")
            asked.writer.close()
        await settled(web)
        assert (await (await ask(web.port)).head()).startswith(b"HTTP/1.1 200 OK")
        assert web.log.read_text().count("2 connections are open, and more are refused") == 1


async def test_connections_that_come_on_the_hop(application: int) -> None:
    async with Solo() as solo:
        web = await solo.inbound("web", application, max_connections=3)  # the hop is one, too
        near = await solo.outbound("caller", web)
        held = []
        for count in (2, 3):
            held.append(await ask(near.port, "/stall"))
            assert await web.until(count, "meshtui_limit_used", 'limit="connections"') == count
        await refused(near.port, "http1", "connections-limit", "/refused")
        reader, writer = await asyncio.open_connection("127.0.0.1", near.port)
        writer.write(b"\0opaque")
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 30) == b""
        answer = await (await Client.to(near.port)).ask(b"/well", grpc=True)
        assert answer.body == b"well"  # a stream of its own is no connection
        assert await web.until(2, "meshtui_limit_refused_total", 'limit="connections"') == 2
        for asked in held:
            asked.leave()
        writer.close()
        assert await web.until(1, "meshtui_limit_used", 'limit="connections"') == 1
        assert (await (await ask(near.port)).head()).startswith(b"HTTP/1.1 200 OK")


async def test_streams(application: int) -> None:
    async with Solo() as solo:
        web = await solo.inbound("web", application, max_streams=3)
        client = await Client.to(web.port, HEARING)
        assert (await client.ask(b"/well")).status == 200
        assert client.h2.peer_streams == 3
        open_ = [client.begin(b"/stall") for _ in range(4)]
        await asyncio.wait_for(open_[3].ended.wait(), 30)
        assert open_[3].reset == wire.REFUSED_STREAM
        assert not any(answer.ended.is_set() for answer in open_[:3])
        client.transport.abort()
        await settled(web)


@pytest.mark.parametrize("way", ["inbound", "outbound"])
async def test_heads(application: int, way: str) -> None:
    """Over the limit, in HTTP/1 and HTTP/2: 431, with the reason, and counted by it."""
    async with Solo() as solo:
        web = await solo.inbound("web", application)
        full = web if way == "inbound" else await solo.outbound("caller", web)
        client = await Client.to(full.port)
        large = [(b"x-%d" % number, b"x" * 1000, True) for number in range(80)]
        answer = client.begin(b"/well", more=large)
        await asyncio.wait_for(answer.ended.wait(), 60)
        assert (answer.status, answer.error) == (431, b"head-too-long")
        assert (await client.ask(b"/well")).body == b"well"  # the connection goes on
        asked = Asked(*await asyncio.open_connection("127.0.0.1", full.port))
        asked.writer.write(b"GET /well HTTP/1.1\r\nHost: web\r\nX: " + b"x" * 80_000 + b"\r\n\r\n")
        assert (await asked.head()).startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
        asked.leave()
        labels = ('error="head-too-long"', 'status_code="431"', f'direction="{way}"')
        assert await full.until(2, "response_total", *labels) == 2
        client.transport.abort()
        await settled(full)


@pytest.mark.parametrize("way", ["inbound", "pair"])
async def test_bytes_that_wait(application: int, way: str) -> None:
    async with Solo() as solo:
        web = await solo.inbound("web", application, max_waiting_bytes=MIB)
        near = await solo.outbound("caller", web, max_waiting_bytes=MIB)
        full = near if way == "pair" else web
        client = await Client.to(full.port, Limits(stream_window=1 << 16, connection_window=1 << 20))
        slow = [client.begin(b"/much", reading=False) for _ in range(5)]
        await asyncio.gather(*[asyncio.wait_for(answer.begun.wait(), 30) for answer in slow])
        assert await full.counts("meshtui_limit_used", 'limit="waiting_bytes"')
        await asyncio.sleep(0.5)
        for what in ("http1", "http2", "grpc"):
            await refused(full.port, what, "buffer-limit", f"/refused/{what}")
        waiting = await full.metrics("meshtui_limit_used", 'limit="waiting_bytes"')
        assert MIB < waiting < 4 * MIB
        assert await full.until(3, "response_total", 'error="buffer-limit"') == 3
        client.transport.abort()
        assert await full.until(0, "meshtui_limit_used", 'limit="waiting_bytes"') == 0
        assert (await (await ask(full.port)).head()).startswith(b"HTTP/1.1 200 OK")


async def test_a_handshake_that_never_ends(
    application: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(arrival, "HANDSHAKE_S", 0.2)
    context = ssl.create_default_context()
    context.set_alpn_protocols(["meshtui/1"])
    outgoing = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="web").do_handshake()
    async with Mesh() as mesh:
        web = mesh.sidecar("web")
        reader, writer = await asyncio.open_connection("127.0.0.1", web.inbound(application))
        writer.write(outgoing.read())
        with suppress(ConnectionResetError):
            await asyncio.wait_for(reader.read(), 30)  # the server's half, and then the end
        async with asyncio.timeout(60):
            while web.host.connections:
                await asyncio.sleep(0.01)
        assert web.runtime.certs.refusals.counts["inbound", "timeout"] == 1
        writer.close()
    (line,) = [line for line in caplog.messages if "no mutual TLS" in line]
    assert line.startswith("no mutual TLS with 127.0.0.1:")
    assert ": timeout (" in line


@pytest.mark.parametrize("way", ["inbound", "pair"])
async def test_opaque_bytes_for_nobody(way: str) -> None:
    """There is nothing that could be said: the connection is closed at once, and counted as what it was."""
    async with Solo() as solo:
        web = await solo.inbound("web", free_port())
        near = await solo.outbound("caller", web)
        reader, writer = await asyncio.open_connection("127.0.0.1", web.port if way == "inbound" else near.port)
        writer.write(b"\0opaque")
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 30) == b""
        writer.close()
        assert await web.until(1, "tcp_close_total", 'errno="ECONNREFUSED"', 'direction="inbound"') == 1
        if way == "pair":
            assert await near.until(1, "tcp_close_total", 'direction="outbound"', 'errno="ECONNRESET"') == 1


async def test_readers_that_stand_still_make_room(application: int) -> None:
    async with Solo() as solo:
        web = await solo.inbound("web", application, max_waiting_bytes=MIB)
        still = await Client.to(web.port, Limits(stream_window=1 << 16, connection_window=1 << 20))
        slow = await Client.to(web.port, Limits(stream_window=1 << 16, connection_window=1 << 20))
        answers = [still.begin(b"/much", reading=False) for _ in range(4)]
        taking = slow.begin(b"/much", reading=False)
        opaque, writer = await asyncio.open_connection("127.0.0.1", web.port, limit=1024)
        writer.write(b"\0MUCH")
        plain = await ask(web.port, "/much")
        plain.reader._limit = 1024  # type: ignore[attr-defined]
        (stream,) = slow.streams
        for _ in range(240):  # two sweeps are 5 s apart
            await asyncio.sleep(0.25)
            stream.consumed(min(5000, stream.read_bytes - stream.taken))
            if all(answer.ended.is_set() for answer in answers):
                break
        assert [answer.reset for answer in answers] == [wire.CANCEL] * 4
        assert not taking.ended.is_set()
        for reader in (opaque, plain.reader):
            with suppress(ConnectionResetError):
                async with asyncio.timeout(60):  # it may be another sweep that cuts it off
                    while await reader.read(MIB):
                        pass
        assert await web.until(5, "response_total", 'error="buffer-limit"') == 5
        assert await web.metrics("tcp_close_total", 'errno="buffer-limit"') == 1
        assert (await (await ask(web.port)).head()).startswith(b"HTTP/1.1 200 OK")
        still.transport.abort()
        slow.transport.abort()
        writer.close()


async def test_without_descriptors_what_is_open_goes_on(application: int) -> None:
    async with Solo() as solo:
        web = await solo.inbound("web", application)
        near = await ask(web.port)
        assert (await near.head()).startswith(b"HTTP/1.1 200 OK")
        await near.reader.readexactly(4)
        other = await ask(web.port)
        assert (await other.head()).startswith(b"HTTP/1.1 200 OK")
        pid = web.process.pid
        there = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        before = resource.prlimit(
            pid, resource.RLIMIT_NOFILE, (there + 10, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        )
        crowd = [socket.create_connection(("127.0.0.1", web.port)) for _ in range(40)]
        await asyncio.sleep(2)  # accepting is tried again and again
        near.again("/well")
        assert (await near.head()).startswith(b"HTTP/1.1 200 OK")
        other.again("/stall")  # takes the connection to the application that there is
        await asyncio.sleep(0.1)
        await near.reader.readexactly(4)
        near.again("/well")
        assert (await near.head()).startswith(
            b"HTTP/1.1 503 Service Unavailable\r\nmeshtui-error: out-of-descriptors\r\n"
        )
        assert web.log.read_text().count("accepting pauses") == 1
        for each in crowd:
            each.close()
        late = await ask(web.port)
        assert (await late.head()).startswith(b"HTTP/1.1 200 OK")
        for asked in (near, other, late):
            asked.leave()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        await settled(web)
        assert await web.metrics("response_total", 'error="out-of-descriptors"') == 1


class Chaos:
    """Clients that do all that clients should not do."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.random = random.Random(7)

    async def run(self) -> None:
        one = (self.http1, self.stalled, self.pipeline, self.half, self.garbage, self.opaque, self.slow)
        for _ in range(12):
            with suppress(OSError):
                await self.random.choice((*one, self.http2, self.slow2))()

    async def _leave(self, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(self.random.random() * 0.1)
        leave(writer) if self.random.random() < 0.5 else writer.close()

    async def _say(self, data: bytes) -> asyncio.StreamWriter:
        _, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1024)
        writer.write(data)
        return writer

    async def http1(self) -> None:
        await self._leave((await ask(self.port, self.random.choice(["/well", "/close"]))).writer)

    async def stalled(self) -> None:
        asked = await ask(self.port, "/stall")
        await asyncio.sleep(self.random.random() * 0.1)
        asked.leave()

    async def pipeline(self) -> None:
        await self._leave(await self._say(b"GET /well HTTP/1.1\r\nHost: a\r\n\r\n" * 20))

    async def half(self) -> None:
        await self._leave(await self._say(b"POST /well HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\nsome"))

    async def garbage(self) -> None:
        await self._leave(await self._say(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n"))

    async def opaque(self) -> None:
        await self._leave(await self._say(b"\0" + self.random.choice([b"hello", b"MUCH"])))

    async def slow(self) -> None:
        await self._leave((await ask(self.port, "/much")).writer)

    async def http2(self) -> None:
        client = await Client.to(self.port)
        for word in ("well", "stall", "close", "half", "reset", "garbage", "refuse", "goaway", "bad-head", "twice"):
            client.begin(f"/{word}".encode(), grpc=self.random.random() < 0.5, end=self.random.random() < 0.8)
            await asyncio.sleep(0.01)
            if self.random.random() < 0.5 and not client.streams[-1].remote_closed:
                client.streams[-1].reset(wire.CANCEL)
        client.transport.abort()

    async def slow2(self) -> None:
        client = await Client.to(self.port, Limits(stream_window=1000, connection_window=1 << 17))
        for _ in range(3):
            client.begin(b"/much", reading=False)
        await asyncio.sleep(0.2)
        client.transport.abort()


async def test_after_chaos_nothing_is_in_use(application: int) -> None:
    async with Solo() as solo:
        solo.plane.orders.clear()
        web = await solo.inbound("web", application, max_connections=40, max_requests=30, max_waiting_bytes=MIB)
        near = await solo.outbound("caller", web, max_connections=40, max_requests=30, max_waiting_bytes=MIB)
        await asyncio.gather(*[Chaos(port).run() for port in (web.port, near.port) for _ in range(30)])
        for sidecar in (near, web):
            await accepted(sidecar)
        await settled(near)
        # What near keeps for other requests counts in web, and is less than the limit: no more than 30 were in flight.
        await web.under(40, "meshtui_limit_used", 'limit="connections"')
        await idle(web)
        assert (await (await ask(near.port)).head()).startswith(b"HTTP/1.1 200 OK")
        near.process.terminate()  # and takes what it has kept for other requests along
        await settled(web)
        for sidecar in (web, near):
            log = Path(sidecar.log).read_text()
            assert "Traceback" not in log, log
