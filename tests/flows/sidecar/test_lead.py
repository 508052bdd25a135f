"""A sidecar started with `--workers`: what its lead learns reaches every process, and one that hangs harms nobody."""

import asyncio
import json
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.sidecar.engine.detect import MESH_ALPN
from meshcore.pki import authority
from tests.support.plane import NAME, TOKEN, Plane, free_port

PROCESSES = 3
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Sidecar:
    """A sidecar and what it stands before."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.lead = process.pid
        self.port = port

    @property
    def processes(self) -> list[int]:
        children = Path(f"/proc/{self.lead}/task/{self.lead}/children").read_text().split()
        return [self.lead, *map(int, children)]

    async def get(self) -> bool:
        """Ask once, on a connection of its own."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return answer.endswith(b"ok")

    async def answers(self) -> bool:
        """Tell whether it is up."""
        try:
            return await self.get()
        except ConnectionRefusedError:
            return False


@asynccontextmanager
async def sidecar(plane: Plane) -> AsyncIterator[Sidecar]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (await reader.read(65536)).endswith(b"\r\n\r\n"):
            writer.write(ANSWER)
        writer.close()

    application = await asyncio.start_server(answer, "127.0.0.1", 0)
    port, admin = free_port(), free_port()
    config = {
        "namespace": "default",
        "name": "web",
        "pod": "web-0",
        "trust_domain": "local",
        "identity_address": f"127.0.0.1:{plane.identity_port}",
        "control_address": f"127.0.0.1:{plane.control_port}",
        "control_name": NAME,
        "anchors_pem": plane.anchors_pem,
        "token": TOKEN,
        "admin": {"listen": f"127.0.0.1:{admin}"},
        "inbound": [
            {"name": "http", "port": application.sockets[0].getsockname()[1], "listen": f"127.0.0.1:{port}"},
        ],
    }
    await plane.start()
    command = [sys.executable, "-m", "agents", "sidecar", "--config", "-", "--workers", str(PROCESSES)]
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(json.dumps(config).encode())
    process.stdin.close()
    made = Sidecar(process, port)
    try:
        async with asyncio.timeout(60):
            while not await made.answers():
                await asyncio.sleep(0.1)
        yield made
    finally:
        for pid in made.processes:
            os.kill(pid, signal.SIGCONT)
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 30) == 0
        application.close()
        await plane.cut()


def context(plane: Plane, tmp_path: Path) -> ssl.SSLContext:
    """Return what another sidecar of the mesh dials with."""
    key = authority.new_key()
    leaf = plane.authority.issue(key.public_key(), "spiffe://local/ns/default/sa/caller", datetime.now(UTC))
    path = tmp_path / "caller.pem"
    path.write_bytes(authority.key_pem(key) + leaf.pem)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.load_verify_locations(cadata=plane.anchors_pem)
    made.load_cert_chain(path)
    made.set_alpn_protocols([MESH_ALPN.decode()])
    return made


async def shown(port: int, secured: ssl.SSLContext, count: int) -> set[bytes]:
    """Return the certificates that so many connections at a time are shown."""
    opened = [await asyncio.open_connection("127.0.0.1", port, ssl=secured) for _ in range(count)]
    found = {writer.get_extra_info("ssl_object").getpeercert(binary_form=True) for _, writer in opened}
    for _, writer in opened:
        writer.close()
    return found


async def test_a_renewed_certificate_is_shown_by_every_process(tmp_path: Path) -> None:
    plane = Plane(life=timedelta(seconds=8))
    async with sidecar(plane) as made:
        secured = context(plane, tmp_path)
        first = await shown(made.port, secured, 9)  # three of each process
        assert len(first) == 1
        async with asyncio.timeout(60):
            while len(plane.certified) < 2:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        second = await shown(made.port, secured, 9)
        assert len(second) == 1
        assert second != first
        assert plane.certified == [False] + [True] * (len(plane.certified) - 1)  # one identity, asked for by the lead
        assert len(plane.present) == 1
        assert len(plane.hellos) == 1


@pytest.mark.timeout(60)
async def test_a_process_that_hangs_gets_no_connections_until_it_answers_again() -> None:
    async with sidecar(Plane()) as made:
        stuck = made.processes[1]
        os.kill(stuck, signal.SIGSTOP)
        await asyncio.sleep(4.5)  # three questions, one a second
        assert all(await asyncio.wait_for(asyncio.gather(*[made.get() for _ in range(30)]), 5))
        os.kill(stuck, signal.SIGCONT)
        await asyncio.sleep(1.5)
        before = cpu(stuck)
        for _ in range(20):
            assert all(await asyncio.wait_for(asyncio.gather(*[made.get() for _ in range(30)]), 5))
        assert cpu(stuck) > before
        assert stuck in made.processes


def cpu(pid: int) -> int:
    """Return the ticks that a process has spent."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return int(fields[11]) + int(fields[12])
