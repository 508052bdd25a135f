"""The admin port: probes, scrapes, and requests that are none."""

import asyncio
import logging
import re
import socket
from contextlib import asynccontextmanager

import pytest

from agents.sidecar.admin.server import IDLE_S, Admin, Connection
from agents.sidecar.state.certs import Certs
from agents.sidecar.state.counters import Counters
from agents.sidecar.state.peers import Peer
from agents.sidecar.state.runtime import Runtime
from agents.sidecar.state.taps import Taps
from tests.support.playbook import Clock, Side


class Draining:
    draining = False


@asynccontextmanager
async def serving(ready=True):
    me = Peer()
    drain = Draining()
    runtime = Runtime(me, "b", Counters(), Taps(me, "b", lambda: 0.0), Certs(), drain, logging.getLogger("test"))
    admin = Admin(runtime, lambda: ready, set)
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    server = await admin.serve(listening)

    async def ask(request):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        answer = await asyncio.wait_for(reader.read(), 60)
        writer.close()
        await writer.wait_closed()
        return answer

    try:
        yield ask, drain
    finally:
        server.close()
        await server.wait_closed()


def get(path, version=b"HTTP/1.1", fields=b"connection: close\r\n"):
    return b"GET %b %b\r\n%b\r\n" % (path, version, fields)


@pytest.mark.parametrize(("path", "status"), [(b"/live", 200), (b"/ready", 200), (b"/metrics", 200), (b"/x", 404)])
async def test_paths(path, status):
    async with serving() as (ask, _):
        answer = await ask(get(path))
        assert answer.startswith(b"HTTP/1.1 %d " % status)


async def test_not_ready_until_certified_and_not_while_draining():
    async with serving(ready=False) as (ask, _):
        assert b" 503 " in await ask(get(b"/ready"))
        assert b" 200 " in await ask(get(b"/live"))
    async with serving() as (ask, drain):
        drain.draining = True
        assert b"draining" in await ask(get(b"/ready"))


async def test_metrics_have_their_type_and_length():
    async with serving() as (ask, _):
        head, _, body = (await ask(get(b"/metrics", b"HTTP/1.0", b""))).partition(b"\r\n\r\n")
        assert b"Content-Type: text/plain; version=0.0.4" in head
        assert b"Content-Length: %d\r\n" % len(body) in head
        assert b"process_cpu_seconds_total" in body


async def test_requests_in_one_piece_are_answered_in_order():
    async with serving() as (ask, _):
        answer = await ask(get(b"/metrics", fields=b"") + get(b"/live", fields=b"") + get(b"/x"))
        assert re.findall(rb"HTTP/1\.1 (\d+) ", answer) == [b"200", b"200", b"404"]
        assert answer.index(b"process_cpu") < answer.index(b"live\n") < answer.index(b"there are")


@pytest.mark.parametrize(
    "request_",
    [b"nonsense\r\n\r\n", b"GET /live\r\n\r\n", b"GET /live HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", b"x" * 9000],
)
async def test_what_is_no_request_is_refused_and_closed(request_):
    async with serving() as (ask, _):
        assert (await ask(request_)).startswith(b"HTTP/1.1 400 ")


async def test_nothing_but_reading():
    async with serving() as (ask, _):
        assert b" 405 " in await ask(b"POST /live HTTP/1.0\r\n\r\n")
        answer = await ask(b"HEAD /live HTTP/1.0\r\n\r\n")
        assert answer.endswith(b"\r\n\r\n")
        assert b" 200 " in answer


def _connected(transport_of=Side):
    me = Peer()
    runtime = Runtime(me, "b", Counters(), Taps(me, "b", lambda: 0.0), Certs(), Draining(), logging.getLogger("test"))
    admin = Admin(runtime, lambda: True, set)
    clock = Clock()
    side = transport_of(Connection(admin, clock))
    side.protocol.connection_made(side)
    return admin, clock, side


def test_who_does_not_read_is_answered_no_further():
    _, _, side = _connected()
    side.protocol.pause_writing()
    side >> get(b"/live", fields=b"") * 3
    side << b""
    side.protocol.resume_writing()
    assert side.received.count(b"HTTP/1.1 200") == 3


def test_who_never_reads_keeps_no_place():
    admin, clock, side = _connected(Unread)
    side >> get(b"/live", fields=b"")
    clock.advance(IDLE_S + 1)
    assert side.aborted
    assert not admin.connections


class Unread(Side):
    """The far end of a connection whose bytes nobody reads: `close` would wait for that for ever."""

    def close(self):
        """Nothing more is sent, once what waits is."""

    def abort(self):
        self.aborted = True
        self.lose()
