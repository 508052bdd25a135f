"""HTTP/2 and gRPC applications that fail in every way, behind real sidecars, one and two with mutual TLS between them.

The client is answered at once or when its route's time is over, never left hanging; counters and tap have the reason.
HTTP/1 has the same in the peers tier.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from agents.sidecar.engine.exchange import INBOUND
from agents.sidecar.engine.http2 import wire
from tests.support.h2client import Answer, Client
from tests.support.plane import free_port
from tests.support.rogue import Rogue
from tests.support.solo import Sidecar, Solo

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(60)]

# By how it fails: HTTP status, gRPC's, the reason that the client is told and that is counted.
ANSWERED = {
    "stall": (b"504", b"4", "timeout"),
    "close": (b"502", b"14", "upstream-closed"),
    "reset": (b"502", b"14", "upstream-closed"),
    "half-head": (b"502", b"14", "upstream-closed"),
    "garbage": (b"502", b"14", "bad-response"),
}
# What has begun, or what the application itself resets, is reset in turn.
RESET = {
    "stall-later": (wire.CANCEL, "timeout"),
    "half": (wire.INTERNAL_ERROR, "upstream-closed"),
    "cancel": (wire.INTERNAL_ERROR, "upstream-reset"),
    "bad-head": (wire.PROTOCOL_ERROR, "upstream-reset"),
    "refuse": (wire.REFUSED_STREAM, "upstream-reset"),
    "goaway": (wire.REFUSED_STREAM, "upstream-reset"),
}


class World:
    """Both sidecars and the application's port."""

    def __init__(self, solo: Solo, web: Sidecar, near: Sidecar, application: int) -> None:
        self.solo = solo
        self.web = web
        self.near = near
        self.application = application
        self.clients: list[Client] = []

    async def ask(self, way: str, path: str, grpc: bool) -> Answer:
        """Ask, and see to it that the answer comes in time."""
        port = self.near.port if way == "pair" else self.web.port
        client = await Client.to(port)
        before = time.monotonic()
        answer = await client.ask(path.encode(), grpc=grpc, limit=10)
        assert time.monotonic() - before < 3
        client.transport.abort()
        return answer

    async def counted(self, path: str, error: str) -> None:
        """See to it that the reason is in tap and in the counters."""
        end = await self.solo.ended(path, INBOUND)
        assert end.error == error
        assert await self.web.counts("response_total", f'error="{error}"', 'classification="failure"')


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[World]:
    application = free_port()
    server = await asyncio.get_running_loop().create_server(Rogue, "127.0.0.1", application)
    async with Solo() as solo:
        solo.route("limited", "/bad/", 1000)
        web = await solo.inbound("web", application)
        yield World(solo, web, await solo.outbound("caller", web), application)
        server.close()
        for connection in tuple(Rogue.open):
            connection.abort()


ways = pytest.mark.parametrize("way", ["inbound", "pair"])
kinds = pytest.mark.parametrize("grpc", [False, True], ids=["http2", "grpc"])


@ways
@kinds
@pytest.mark.parametrize("how", ANSWERED)
async def test_without_an_answer_the_sidecar_answers(world: World, how: str, grpc: bool, way: str) -> None:
    status, code, error = ANSWERED[how]
    path = f"/bad/{way}/{grpc}/{how}"
    answer = await world.ask(way, path, grpc)
    assert (answer.fields.get(b":status"), answer.error) == (b"200" if grpc else status, error.encode())
    assert answer.fields.get(b"grpc-status") == (code if grpc else None)
    await world.counted(path, error)


@ways
@kinds
@pytest.mark.parametrize("how", RESET)
async def test_what_is_broken_off_is_seen_to_be(world: World, how: str, grpc: bool, way: str) -> None:
    code, error = RESET[how]
    path = f"/bad/{way}/{grpc}/{how}"
    answer = await world.ask(way, path, grpc)
    assert answer.reset == code
    await world.counted(path, error)


@ways
async def test_a_second_answer_reaches_nobody(world: World, way: str) -> None:
    for number in range(3):
        answer = await world.ask(way, f"/{way}/{number}/twice", grpc=True)
        assert (answer.body, answer.fields[b"grpc-status"], answer.reset) == (b"well", b"0", None)


@ways
async def test_a_call_without_a_status_has_failed(world: World, way: str) -> None:
    path = f"/{way}/no-status"
    answer = await world.ask(way, path, grpc=True)
    assert (answer.body, answer.fields.get(b"grpc-status")) == (b"no status", None)
    assert (await world.solo.ended(path, INBOUND)).classification == 2


@pytest.mark.parametrize("what", ["http1", "http2", "grpc"])
async def test_a_sidecar_that_died_without_a_word_is_found_out(world: World, what: str) -> None:
    """It is frozen: its kernel goes on confirming what comes, as a lost machine's would not even do."""
    assert (await world.ask("pair", "/well", grpc=True)).body == b"well"
    world.web.process.send_signal(signal.SIGSTOP)
    try:
        before = time.monotonic()
        if what == "http1":
            reader, writer = await asyncio.open_connection("127.0.0.1", world.near.port)
            writer.write(b"POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 0\r\n\r\n")
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            writer.close()
            assert head.startswith(b"HTTP/1.1 504 Gateway Timeout\r\nmeshtui-error: upstream-silent\r\n")
        else:
            client = await Client.to(world.near.port)
            answer = await client.ask(b"/well", grpc=what == "grpc")
            client.transport.abort()
            assert answer.error == b"upstream-silent"
            assert answer.fields[b":status"] == (b"200" if what == "grpc" else b"504")
        assert 3 <= time.monotonic() - before < 6
    finally:
        world.web.process.send_signal(signal.SIGCONT)
    assert await world.near.counts("response_total", 'error="upstream-silent"', 'classification="failure"')
    assert (await world.ask("pair", "/well", grpc=True)).body == b"well"


async def test_nothing_is_left_in_use(world: World) -> None:
    """After all of the above."""
    for sidecar in (world.web, world.near):
        for limit in ("connections", "requests", "waiting_bytes"):
            # Between the two, one connection stays open for whatever comes next.
            left = 1 if (limit, sidecar) == ("connections", world.web) else 0
            assert await sidecar.until(left, "meshtui_limit_used", f'limit="{limit}"') == left, (sidecar.name, limit)
