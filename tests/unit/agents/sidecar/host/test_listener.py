"""Listening on a real loopback socket: one port for everything, and who is told apart how."""

import asyncio
import contextlib
import logging
import random
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agents.sidecar.engine.exchange import INBOUND, OUTBOUND
from agents.sidecar.host import arrival
from agents.sidecar.host.dial import Dialer
from agents.sidecar.host.host import Host
from agents.sidecar.host.listener import Listener
from agents.sidecar.host.serve import Makers
from agents.sidecar.host.tls import Contexts
from agents.sidecar.stacks import inbound_stack, outbound_stack
from agents.sidecar.state.doors import Door
from agents.sidecar.state.endpoints import Endpoint, EndpointSet
from agents.sidecar.state.peers import Link, Peer
from meshcore.wire import discovery_pb2
from tests.support.playbook import SERVICE, make_runtime


class Closed(asyncio.Protocol):
    """Stands for the protocols of other rooms: says a word and closes."""

    def __init__(self, word: bytes) -> None:
        self._word = word

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(self._word)
        self._transport.close()


class Bench:
    """A listener in front of an application that echoes in capitals."""

    def __init__(self) -> None:
        self.runtime = make_runtime()
        self.port = 0
        self.door: Door
        self.listener: Listener

    async def start(self, folder: Path) -> None:
        loop = asyncio.get_running_loop()
        application = await loop.create_unix_server(Echo, str(folder / "app"))
        self.application = application
        endpoint = Endpoint(f"unix:{folder / 'app'}", 0, peer=Peer(), service=SERVICE)
        self.door = Door(INBOUND, inbound_stack(self.runtime), port=80, service=SERVICE, endpoint=endpoint)
        host = Host(self.runtime, loop, Dialer(loop, None), random.random)  # type: ignore[arg-type]
        makers = Makers(http2, hop)
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        self.port = listening.getsockname()[1]
        self.listener = Listener(host, makers, Contexts(self.runtime.certs), self.door, listening)
        self.listener.start()

    async def ask(self, *parts: bytes, eof: bool = False) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0.01)
        if eof:
            writer.write_eof()
        answer = await asyncio.wait_for(reader.read(4096), 30)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        return answer


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"GET"):
            self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        else:
            self.transport.write(data.upper())


def http2(door: Door, client: Peer, link: Link | None) -> asyncio.Protocol:
    return Closed(b"h2")


def hop(door: Door) -> asyncio.Protocol:
    return Closed(b"hop")


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench()
    await made.start(tmp_path)
    yield made
    made.listener.stop()
    made.application.close()
    await asyncio.sleep(0.01)  # transports close in the next turns


async def test_http1_whole_and_in_pieces(bench: Bench) -> None:
    head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    assert await bench.ask(head) == b"HTTP/1.1 204 No Content\r\n\r\n"
    assert await bench.ask(head[:2], head[2:9], head[9:]) == b"HTTP/1.1 204 No Content\r\n\r\n"


async def test_wrong_http_is_refused_not_passed_on(bench: Bench) -> None:
    assert (await bench.ask(b"GET / HTTP/1.1\nHost: a\n\n")).startswith(b"HTTP/1.1 400 Bad Request")


async def test_http2(bench: Bench) -> None:
    assert await bench.ask(b"PRI * HT", b"TP/2.0\r\n\r\nSM\r\n\r\n") == b"h2"


async def test_opaque(bench: Bench) -> None:
    assert await bench.ask(b"*1 hello\r\n") == b"*1 HELLO\r\n"


async def test_a_word_cut_short_by_the_clients_end_is_opaque(bench: Bench) -> None:
    assert await bench.ask(b"Ge", eof=True) == b"GE"


async def test_a_client_that_says_nothing_waits_for_the_server(bench: Bench) -> None:
    bench.runtime.rules.detect_timeout_s = 0.05
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
    await asyncio.sleep(0.15)
    assert not bench.listener.arrivals
    writer.write(b"GET late")  # by now this is opaque
    assert await asyncio.wait_for(reader.read(100), 30) == b"HTTP/1.1 204 No Content\r\n\r\n"
    writer.close()


async def test_an_opaque_port_is_not_looked_at(bench: Bench) -> None:
    bench.door.opaque = True
    assert await bench.ask(b"PUT / HTTP/1.1\n") == b"PUT / HTTP/1.1\n"


async def test_on_an_opaque_port_the_mesh_is_still_recognised(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.door.opaque = True
    settled: list[ssl.SSLContext | None] = []

    async def hand_over(
        host: Host, accepted: socket.socket, protocol: object, tls: ssl.SSLContext | None, address: str
    ) -> None:
        settled.append(tls)
        accepted.close()

    monkeypatch.setattr(arrival, "_hand_over", hand_over)
    context = ssl.create_default_context()
    context.set_alpn_protocols(["meshtui/1"])
    bench.listener.contexts.server = context
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="example.com").do_handshake()
    hello = outgoing.read()
    with contextlib.suppress(ConnectionError):
        await bench.ask(hello[:20], hello[20:])
    assert settled == [context]


async def test_clients_that_leave_leave_nothing(bench: Bench) -> None:
    for _ in range(3):
        _, writer = await asyncio.open_connection("127.0.0.1", bench.port)
        writer.close()
    await asyncio.sleep(0.05)
    assert not bench.listener.arrivals
    assert not bench.listener.host.open


async def test_foreign_tls_is_passed_through(bench: Bench) -> None:
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="example.com")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    hello = outgoing.read()
    assert await bench.ask(hello[:20], hello[20:]) == hello.upper()
    assert [(name, count) for (_, _, name), count in bench.listener.host.runtime.counters.names.items()] == [
        ("example.com", 1)
    ]


async def test_no_descriptors_left(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    accepting = bench.listener.listening

    class Full:
        def accept(self) -> None:
            raise OSError(24, "Too many open files")

        def __getattr__(self, name: str) -> object:
            return getattr(accepting, name)

    with caplog.at_level(logging.WARNING):
        bench.listener.listening = Full()  # type: ignore[assignment]
        for _ in range(5):
            bench.listener._accept()
    assert caplog.text.count("accepting pauses: Too many open files") == 1
    bench.listener.listening = accepting
    await asyncio.sleep(0.6)
    assert await bench.ask(b"*1 hello\r\n") == b"*1 HELLO\r\n"


async def test_over_the_limit_http_is_told_and_everything_else_closed(bench: Bench) -> None:
    bounds = bench.runtime.bounds
    bounds.connections = 1
    _, first = await asyncio.open_connection("127.0.0.1", bench.port)
    first.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await asyncio.sleep(0.05)
    assert bounds.clients() == 1
    head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    for parts in ((head,), (head[:9], head[9:])):
        answer = await bench.ask(*parts)
        assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\nmeshtui-error: connections-limit\r\n")
        assert b"connection: close" in answer
    with contextlib.suppress(ConnectionError):
        assert await bench.ask(b"*1 hello\r\n") == b""
    assert bounds.refused["connections-limit"] == 3
    (edge,) = [edge for edge in bench.runtime.counters.all() if edge.direction == INBOUND]
    assert edge.tcp.errors == {"connections-limit": 1}
    assert [(cell.status, cell.error, cell.count) for cell in edge.cells.values()] == [
        (204, "", 1),
        (503, "connections-limit", 2),
    ]
    first.close()
    await asyncio.sleep(0.05)
    assert bounds.clients() == 0
    assert await bench.ask(b"*1 hello\r\n") == b"*1 HELLO\r\n"


async def test_over_the_limit_silence_is_not_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival, "OVER_S", 0.05)
    bench.runtime.bounds.connections = 0
    with contextlib.suppress(ConnectionError):
        assert await bench.ask() == b""
    assert bench.runtime.bounds.clients() == 0
    assert bench.runtime.bounds.refused["connections-limit"] == 1


async def test_far_over_the_limit_nobody_is_listened_to(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival, "OVER", 0)
    bench.runtime.bounds.connections = 0
    with contextlib.suppress(ConnectionError):
        assert await bench.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") == b""
    assert bench.runtime.bounds.refused["connections-limit"] == 1


async def test_who_begins_a_request_slowly_is_not_taken_for_opaque(bench: Bench) -> None:
    bench.runtime.rules.detect_timeout_s = 0.05
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
    writer.write(b"GET / HT")
    await asyncio.sleep(0.15)
    writer.write(b"TP/1.1\nHost: a\n\n")
    assert (await asyncio.wait_for(reader.read(100), 30)).startswith(b"HTTP/1.1 400 Bad Request")
    writer.close()


class Ways:
    """Leads every connection to one target, or to none."""

    def __init__(self, bench: Bench, target: EndpointSet | None) -> None:
        self._stack = outbound_stack(bench.runtime)
        self.application = bench.door.endpoint
        self.target = target

    def door(self, accepted: socket.socket) -> Door | None:
        return self._to(self.target) if self.target is not None else None

    def undiscovered(self, door: Door) -> Door:
        alone = EndpointSet("alone")
        alone.exists = False
        alone.fallback = self.application
        return self._to(alone)

    def _to(self, target: EndpointSet) -> Door:
        return Door(OUTBOUND, self._stack, service=SERVICE, target=target)


async def test_a_redirected_connection_waits_for_the_first_word_of_discovery(bench: Bench) -> None:
    ways = bench.listener.ways = Ways(bench, EndpointSet("10.0.0.9:80"))
    asking = asyncio.create_task(bench.ask(b"*1 hello\r\n"))
    await asyncio.sleep(0.05)
    assert len(bench.listener.arrivals) == 1
    assert ways.target is not None
    assert ways.application is not None
    ways.target.fallback = ways.application
    ways.target.apply(discovery_pb2.EndpointsUpdate(exists=False))
    assert await asking == b"*1 HELLO\r\n"
    assert not bench.listener.arrivals


async def test_and_goes_its_own_way_without(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival, "DISCOVERY_S", 0.05)
    ways = bench.listener.ways = Ways(bench, EndpointSet("10.0.0.9:80"))
    assert await bench.ask(b"*1 hello\r\n") == b"*1 HELLO\r\n"
    assert ways.target is not None
    ways.target.apply(discovery_pb2.EndpointsUpdate(exists=True))  # nobody waits any more
    assert not bench.listener.arrivals


async def test_and_is_dropped_when_the_listener_stops(bench: Bench) -> None:
    ways = bench.listener.ways = Ways(bench, EndpointSet("10.0.0.9:80"))
    asking = asyncio.create_task(bench.ask(b"*1 hello\r\n"))
    await asyncio.sleep(0.05)
    for waiting in tuple(bench.listener.arrivals):
        waiting.drop()
    with contextlib.suppress(ConnectionError):
        assert await asking == b""
    assert ways.target is not None
    ways.target.apply(discovery_pb2.EndpointsUpdate(exists=True))


async def test_a_connection_without_a_way_is_refused(bench: Bench) -> None:
    bench.listener.ways = Ways(bench, None)
    with contextlib.suppress(ConnectionError):
        assert await bench.ask(b"*1 hello\r\n") == b""
    assert not bench.listener.host.open
