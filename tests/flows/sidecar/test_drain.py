"""A real sidecar that is told to end: nobody new gets in, what is open ends well, and what never ends is cut off.

What is open is a request of HTTP/1, a call of gRPC and an opaque connection, at the application's sidecar itself or
through a pair; through a pair either of the two may be the one that goes.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Self

import pytest

from agents.sidecar.engine.http2 import wire
from tests.support.h2client import Client
from tests.support.plane import free_port
from tests.support.rogue import DONE, Plain, Rogue, serving
from tests.support.solo import Sidecar, Solo

pytestmark = pytest.mark.timeout(180)

LIMIT_S = 60.0
GRACE_S = 1.5
GET = b"GET /%b HTTP/1.1\r\nHost: web\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n"


@pytest.fixture
async def application() -> AsyncIterator[int]:
    port = free_port()
    async with serving(port):
        yield port


class Bytes:
    """A client's connection of HTTP/1, or of bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, port: int) -> Self:
        return cls(*await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), LIMIT_S))

    async def ask(self, word: bytes, until: bytes) -> bytes:
        self._writer.write(word)
        return await self.read(until)

    def say(self, word: bytes) -> None:
        self._writer.write(word)

    async def read(self, until: bytes) -> bytes:
        return await asyncio.wait_for(self._reader.readuntil(until), LIMIT_S)

    async def rest(self) -> bytes:
        """Return what comes before the end; a reset is one, too."""
        came = b""
        async with asyncio.timeout(LIMIT_S):
            with suppress(ConnectionResetError):
                while data := await self._reader.read(65536):
                    came += data
        return came

    def close(self) -> None:
        self._writer.close()


class Open:
    """What is open when the word comes: a request, a call, and a connection of bytes."""

    def __init__(self, http1: Bytes, http2: Client, opaque: Bytes) -> None:
        self.http1 = http1
        self.http2 = http2
        self.opaque = opaque
        self.call = http2.begin(b"/stall-later", grpc=True, end=False)

    @classmethod
    async def at(cls, port: int) -> Self:
        made = cls(await Bytes.to(port), await Client.to(port), await Bytes.to(port))
        made.http1.say(GET % b"stall")
        assert await made.opaque.ask(b"\0hello", b"hello") == b"\0hello"
        await asyncio.wait_for(made.call.begun.wait(), LIMIT_S)
        async with asyncio.timeout(LIMIT_S):
            while not any(plain.stalled for plain in Plain.open):
                await asyncio.sleep(0.02)
        return made


def told(sidecar: Sidecar) -> None:
    sidecar.process.send_signal(signal.SIGTERM)


async def refusing(port: int) -> None:
    """Wait until nobody can connect to a port any more."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                return
            writer.close()
            await asyncio.sleep(0.02)


async def turned_away(port: int) -> None:
    """Wait until new requests through a pair are refused; what comes before the last word is still answered."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            late = await Bytes.to(port)
            head = await late.ask(GET % b"well", b"\r\n\r\n")
            late.close()
            if head.startswith(b"HTTP/1.1 503 Service Unavailable\r\nmeshtui-error: connect-refused\r\n"):
                return
            assert head.startswith(b"HTTP/1.1 200 OK\r\n"), head
            await asyncio.sleep(0.05)


async def over(sidecar: Sidecar) -> int:
    """Wait for the end of a process; returns its exit status."""
    return await asyncio.to_thread(sidecar.process.wait, LIMIT_S)


def cut_off(solo: Solo, sidecar: Sidecar) -> int:
    """Return how many requests a sidecar has told the control plane of that were cut off."""
    count = 0
    keys: set[tuple[int, int]] = set()
    for stream, report in solo.plane.reports:
        if solo.plane.hellos[stream - 1].self.pod == f"{sidecar.name}-0":
            keys.update((stream, key.id) for key in report.http_keys if key.error == "draining")
            count += sum(delta.count for delta in report.http if (stream, delta.key) in keys)
    return count


def answer_the_held() -> None:
    """Have the application say what it has not said yet."""
    for connection in tuple(Rogue.open):
        for stream in tuple(connection.h2.streams.values()):
            stream.send_data(b"rest")
            stream.send_trailers(DONE)
    for plain in tuple(Plain.open):
        if plain.stalled:
            plain.transport.write(OK + b"\r\nrest")


@pytest.mark.parametrize("way", ["inbound", "near", "far"])
async def test_what_is_open_ends_well_and_nobody_new_gets_in(application: int, way: str) -> None:
    async with Solo() as solo:
        web = await solo.inbound("web", application, drain_s=LIMIT_S)
        near = await solo.outbound("caller", web, drain_s=LIMIT_S)
        going = near if way == "near" else web
        port = web.port if way == "inbound" else near.port
        open_ = await Open.at(port)
        idle = await Bytes.to(port)
        assert (await idle.ask(GET % b"well", b"well")).startswith(b"HTTP/1.1 200 OK")
        begun = time.monotonic()
        told(going)
        await refusing(going.port)
        if way == "far":  # the client's own sidecar is there, and says so
            await turned_away(port)
        else:
            assert await idle.rest() == b""  # between two requests is a good moment to go
        # Nothing that is open has noticed.
        assert await open_.opaque.ask(b"\0again", b"again") == b"\0again"
        assert not open_.call.ended.is_set()
        open_.http2.streams[0].send_data(b"all", True)
        assert going.process.poll() is None
        answer_the_held()
        answer = await open_.http1.read(b"rest")
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer
        if way != "far":
            assert b"\r\nConnection: close\r\n" in answer, answer
            assert await open_.http1.rest() == b""
        await asyncio.wait_for(open_.call.ended.wait(), LIMIT_S)
        assert (open_.call.reset, open_.call.body, open_.call.fields[b"grpc-status"]) == (None, b"rest", b"0")
        if way != "far":
            await asyncio.wait_for(open_.http2.over.wait(), LIMIT_S)
            assert open_.http2.h2.draining  # by a GOAWAY, not by the end of the connection alone
        assert await open_.opaque.ask(b"\0last", b"last") == b"\0last"
        assert going.process.poll() is None
        open_.opaque.close()
        assert await over(going) == 0
        assert time.monotonic() - begun < LIMIT_S  # it had no need of all the time that it was given
        assert "still open" not in going.log.read_text()
        for each in (idle, open_.http1):
            each.close()
        open_.http2.transport.abort()


async def test_another_replica_takes_over_what_comes_to_one_that_goes(application: int) -> None:
    """Discovery goes on naming it: the connection between the sidecars says it, and not a request is lost by it."""
    async with Solo() as solo:
        going = await solo.inbound("web", application, drain_s=LIMIT_S)
        other = await solo.inbound("web2", application)
        near = await solo.outbound("caller", going, other)
        asked: dict[str, int] = {"http1": 0, "grpc": 0, "opaque": 0}
        stop = asyncio.Event()

        async def http1() -> None:
            while not stop.is_set():
                client = await Bytes.to(near.port)
                for _ in range(5):
                    assert (await client.ask(GET % b"well", b"well")).startswith(b"HTTP/1.1 200 OK")
                    asked["http1"] += 1
                client.close()

        async def grpc() -> None:
            client = await Client.to(near.port)
            while not stop.is_set():
                answer = await client.ask(b"/well", grpc=True, limit=LIMIT_S)
                assert (answer.body, answer.fields[b"grpc-status"]) == (b"well", b"0")
                asked["grpc"] += 1
            client.transport.abort()

        async def opaque() -> None:
            while not stop.is_set():
                client = await Bytes.to(near.port)
                assert await client.ask(b"\0hello", b"hello") == b"\0hello"
                asked["opaque"] += 1
                client.close()

        asking = [asyncio.ensure_future(one()) for one in (http1, grpc, opaque) for _ in range(3)]

        async def more(least: int) -> None:
            """Wait for so many of each; a failure is told at once."""
            before = dict(asked)
            async with asyncio.timeout(LIMIT_S):
                while any(asked[each] - before[each] < least for each in asked):
                    for task in asking:
                        if task.done():
                            task.result()
                    await asyncio.sleep(0.02)

        try:
            await more(30)
            assert await going.counts("response_total")
            told(going)
            await refusing(going.port)
            await more(30)
            assert await over(going) == 0
            await more(30)
        finally:
            stop.set()
            ended = await asyncio.gather(*asking, return_exceptions=True)
        assert ended == [None] * len(asking)
        assert "still open" not in going.log.read_text()


@pytest.mark.parametrize("way", ["inbound", "near", "far"])
async def test_what_never_ends_is_cut_off_told_and_counted(application: int, way: str) -> None:
    async with Solo() as solo:
        web = await solo.inbound("web", application, drain_s=GRACE_S)
        near = await solo.outbound("caller", web, drain_s=GRACE_S)
        going = near if way == "near" else web
        port = web.port if way == "inbound" else near.port
        open_ = await Open.at(port)
        silent = open_.http2.begin(b"/stall", grpc=True)
        async with asyncio.timeout(LIMIT_S):
            while not any(len(connection.h2.streams) == 2 for connection in Rogue.open):
                await asyncio.sleep(0.02)
        begun = time.monotonic()
        told(going)
        answer = await open_.http1.read(b"\r\n\r\ndraining\n")
        assert time.monotonic() - begun >= GRACE_S
        assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\nmeshtui-error: draining\r\n"), answer
        for call in (open_.call, silent):
            await asyncio.wait_for(call.ended.wait(), LIMIT_S)
        assert open_.call.reset == wire.CANCEL
        assert (silent.error, silent.fields[b"grpc-status"]) == (b"draining", b"14")
        assert await open_.opaque.rest() == b""
        assert await over(going) == 0
        assert f"connections were still open after {GRACE_S:g} s" in going.log.read_text()
        assert cut_off(solo, going) == 3  # its last counters have come out, too
        for each in (open_.http1, open_.opaque):
            each.close()
        open_.http2.transport.abort()
