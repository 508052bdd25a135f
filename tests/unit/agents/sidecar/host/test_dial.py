"""Dialling: TCP, Unix sockets and the hop look alike to who asks, failures included."""

import asyncio
import socket
from pathlib import Path
from typing import Any

from agents.sidecar.host import dial
from agents.sidecar.host.dial import Dialer
from agents.sidecar.state.endpoints import Endpoint
from agents.sidecar.state.peers import Peer


class Heard(asyncio.Protocol):
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.made = 0
        self.lost: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.made += 1
        self.transport = transport
        self.transport.close()

    def connection_lost(self, error: BaseException | None) -> None:
        self.lost.set_result(error)


class Hops:
    """Notes who asked for a stream."""

    def __init__(self) -> None:
        self.asked: list[tuple[Endpoint, bytes]] = []

    def open(self, endpoint: Endpoint, name: bytes, protocol: asyncio.BaseProtocol) -> None:
        self.asked.append((endpoint, name))


async def ask(endpoint: Endpoint, hops: Hops | None = None) -> Heard:
    heard = Heard()
    dialer = Dialer(asyncio.get_running_loop(), hops or Hops())
    dialer.open(endpoint, b"tcp", heard)
    assert not heard.made  # never before it returns
    return heard


async def test_tcp_and_unix(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    tcp = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
    unix = await loop.create_unix_server(asyncio.Protocol, str(tmp_path / "app"))
    port = tcp.sockets[0].getsockname()[1]
    for endpoint in (
        Endpoint("127.0.0.1", port, peer=Peer()),
        Endpoint(f"unix:{tmp_path / 'app'}", 0, peer=Peer()),
    ):
        heard = await ask(endpoint)
        assert await asyncio.wait_for(heard.lost, 30) is None
        assert heard.made == 1
    tcp.close()
    unix.close()


async def test_failures(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    heard = await ask(Endpoint("127.0.0.1", port, peer=Peer()))
    assert isinstance(await asyncio.wait_for(heard.lost, 30), ConnectionRefusedError)
    heard = await ask(Endpoint(f"unix:{tmp_path / 'none'}", 0, peer=Peer()))
    assert isinstance(await asyncio.wait_for(heard.lost, 30), FileNotFoundError)
    assert heard.made == 0


async def test_whoever_does_not_answer_is_given_up(monkeypatch: Any) -> None:
    monkeypatch.setattr(dial, "CONNECT_TIMEOUT_S", 0.05)
    loop = asyncio.get_running_loop()

    async def never(*_: Any, **__: Any) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(loop, "create_connection", never)
    heard = await ask(Endpoint("10.255.255.1", 1, peer=Peer()))
    error = await asyncio.wait_for(heard.lost, 30)
    assert isinstance(error, TimeoutError)


async def test_meshed_endpoints_are_reached_by_the_hop_alone() -> None:
    hops = Hops()
    endpoint = Endpoint("127.0.0.1", 1, peer=Peer(identity="spiffe://local/ns/default/sa/web"))
    heard = await ask(endpoint, hops)
    assert hops.asked == [(endpoint, b"tcp")]
    assert not heard.lost.done()


async def test_the_kernel_looks_after_silent_far_ends() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
    endpoint = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1], peer=Peer())
    made: asyncio.Future[socket.socket] = loop.create_future()

    class Kept(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            loop.call_later(0.05, lambda: made.set_result(transport.get_extra_info("socket")))

    dialer = Dialer(loop, Hops())
    dialer.open(endpoint, b"tcp", Kept())
    connection = await made
    assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 15
    server.close()


def test_what_is_over_already_is_left_alone() -> None:
    dial.keep_alive(None)
    gone = socket.socket()
    gone.close()
    dial.keep_alive(gone)
