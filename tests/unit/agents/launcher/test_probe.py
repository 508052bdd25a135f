import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from agents.launcher import probe
from agents.launcher.address import HOST, Address
from agents.launcher.plan import Instance, Port, Probe
from agents.launcher.ports import Listening


def instance(port: int, kind: str = "", what: str = "") -> Instance:
    return Instance(
        namespace="shop",
        kind="deployment",
        name="web",
        pod="web-0",
        service_account="web",
        command=("serve",),
        directory=Path("/"),
        environment={},
        ports=(Port("http", port),),
        probe=Probe(Address(HOST, port), kind, what),
        admin=Listening(port, 0),
    )


async def serving(answer: bytes) -> tuple[asyncio.Server, int]:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", ""),
        (b"HTTP/1.0 302 Found\r\n\r\n", ""),
        (b"HTTP/1.1 503 Busy\r\n\r\n", "/live answers 503"),
        (b"SSH-2.0\r\n", "port {} does not speak HTTP"),
        (b"", "port {} does not speak HTTP"),
    ],
)
async def test_http(answer: bytes, reason: str) -> None:
    server, port = await serving(answer)
    async with server:
        assert await probe.application(instance(port, "http", "/live")) == reason.format(port)


async def test_tcp_and_listening() -> None:
    server, port = await serving(b"")
    async with server:
        assert await probe.application(instance(port, "tcp")) == ""
        assert await probe.application(instance(port)) == ""
    assert await probe.application(instance(port)) == f"does not listen on port {port} (http)"
    assert await probe.application(instance(port, "tcp")) == f"port {port} refuses connections"


async def test_one_that_listens_where_nobody_looks_is_told() -> None:
    with socket.create_server(("127.0.0.2", 0)) as elsewhere:
        port = elsewhere.getsockname()[1]
        assert await probe.application(instance(port)) == (
            f"listens on port {port} (http) only at 127.0.0.2; let it listen at 127.0.0.1"
        )


async def test_an_application_at_another_address(tmp_path: Path) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        writer.close()

    def at(address: Address, kind: str = "") -> Instance:
        return replace(
            instance(1), ports=(Port("http", address.port, host=address.host),), probe=Probe(address, kind, "/live")
        )

    socket_ = Address(f"unix:{tmp_path}/web")
    assert await probe.application(at(socket_)) == f"there is no {socket_} yet (http)"
    async with await asyncio.start_unix_server(connected, socket_.path):
        for kind in ("", "http", "tcp"):
            assert await probe.application(at(socket_, kind)) == ""
    assert await probe.application(at(socket_, "tcp")) in (
        f"{socket_} refuses connections",
        f"there is no {socket_} yet",  # from Python 3.13 on a server takes its socket away
    )
    async with await asyncio.start_server(connected, "::1", 0) as server:
        six = Address("::1", server.sockets[0].getsockname()[1])
        for kind in ("", "http", "tcp"):
            assert await probe.application(at(six, kind)) == ""
        assert await probe.application(at(Address(HOST, six.port))) == (
            f"listens on port {six.port} (http) only at ::1; let it listen at 127.0.0.1"
        )


async def test_a_probe_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "LIMIT_S", 0.05)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        assert await probe.application(instance(port, "http", "/")) == f"port {port} did not answer within 0.05 s"
        assert await probe.sidecar(instance(port)) == "its admin port does not answer"


async def test_a_sidecar_is_asked_at_its_admin_port() -> None:
    server, port = await serving(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
    async with server:
        assert await probe.sidecar(instance(port)) == "/ready answers 503"
