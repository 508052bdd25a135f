"""A sidecar that listens on IPv6 for applications on Unix sockets, as a process: HTTP, HTTP/2, and who speaks first.

Its control plane is one of its own; no launcher is in between, since mesh.yaml knows neither of the two.
"""

import asyncio
import json
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import grpc
import pytest

from meshcore.wire import identity_pb2, identity_pb2_grpc
from tests.peers.origin import Origin
from tests.peers.plain2 import Plain2
from tests.peers.test_web import run
from tests.support.local import free_port
from tests.support.shell import eventually
from tests.support.tools import need

DETECT_S = 0.4


class Alone:
    """One sidecar and its control plane."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in ("http", "h2", "greeter", "admin")}
        self._processes: list[subprocess.Popen[bytes]] = []

    def path(self, name: str) -> str:
        """Return the socket of an application."""
        return str(self.folder / name)

    def start(self) -> None:
        self._run("meshcore", "--mesh", "alone", "--dir", str(self.folder), "--listen", "127.0.0.1")
        channel = grpc.insecure_channel(f"unix:{self.folder}/control.sock")
        grpc.channel_ready_future(channel).result(20)
        asked = identity_pb2.IssueTokenRequest(namespace="peers", service_account="six", pod="six-0")
        token = identity_pb2_grpc.LocalIdentityStub(channel).IssueToken(asked, timeout=30)
        channel.close()
        config = {
            "namespace": "peers",
            "name": "six",
            "pod": "six-0",
            "trust_domain": "local",
            "identity_address": token.identity_address,
            "control_address": token.control_address,
            "anchors_pem": "".join(map(ssl.DER_cert_to_PEM_cert, token.trust.anchors)),
            "token": token.token,
            "admin": {"listen": f"[::1]:{self.ports['admin']}"},
            "detect_timeout_s": DETECT_S,
            "inbound": [
                {"name": name, "port": number, "listen": f"[::1]:{self.ports[name]}", "host": f"unix:{self.path(name)}"}
                for number, name in enumerate(("http", "h2", "greeter"), start=8080)
            ],
        }
        self._run("agents", "sidecar", "--config", "-", stdin=json.dumps(config).encode())
        assert eventually(lambda: bool(self.admin("ready")), 60)

    def admin(self, page: str) -> str:
        """Return a page of the sidecar's own, empty while it has none."""
        with (
            suppress(OSError),
            urllib.request.urlopen(f"http://[::1]:{self.ports['admin']}/{page}", timeout=30) as answer,
        ):
            text: str = answer.read().decode()
            return text or "empty"
        return ""

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            process.wait(15)

    def _run(self, *words: str, stdin: bytes = b"") -> None:
        log = (self.folder / f"{words[0]}.log").open("wb")
        process = subprocess.Popen([sys.executable, "-m", *words], stdin=subprocess.PIPE, stdout=log, stderr=log)
        log.close()
        self._processes.append(process)
        assert process.stdin is not None
        process.stdin.write(stdin)
        process.stdin.close()


@pytest.fixture(scope="module")
def alone() -> Iterator[Alone]:
    with tempfile.TemporaryDirectory(prefix="mt-", dir="/tmp") as folder:
        made = Alone(Path(folder))
        try:
            made.start()
            yield made
        finally:
            made.stop()


async def test_http_1(alone: Alone) -> None:
    origin = Origin()
    url = f"http://[::1]:{alone.ports['http']}"
    curl = [need("curl", "curl"), "-sS", "-g"]
    async with origin.serve(0, alone.path("http")):
        assert await run(*curl, f"{url}/size/5") == "01234"
        assert await run(*curl, "-d", "12345678", f"{url}/echo") == "8"
    assert b"Host: [::1]:" in origin.heads[0]
    told = await run(*curl, "-o", "/dev/null", "-w", "%{http_code}", f"{url}/size/5")
    assert told == "503"  # the socket is still there, and nobody behind it


async def test_http_2(alone: Alone) -> None:
    server = await asyncio.get_running_loop().create_unix_server(Plain2, alone.path("h2"))
    url = f"http://[::1]:{alone.ports['h2']}/"
    answer = await run(need("curl", "curl"), "-sS", "-g", "--http2-prior-knowledge", url)
    server.close()
    assert answer == "twenty-seven bytes of body."


async def test_who_says_nothing_is_taken_to_wait_once_the_limit_is_over(alone: Alone) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 at your service\r\n")
        writer.write(await reader.read())
        writer.close()

    server = await asyncio.start_unix_server(greet, alone.path("greeter"))
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("::1", alone.ports["greeter"])
    assert await asyncio.wait_for(reader.readline(), 30) == b"220 at your service\r\n"
    assert DETECT_S * 0.9 < time.monotonic() - began < DETECT_S + 3
    writer.write(b"EHLO a\r\n")
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), 30) == b"EHLO a\r\n"
    writer.close()
    server.close()
    await asyncio.sleep(1)  # a page of metrics is that old at most
    opened = [line for line in alone.admin("metrics").splitlines() if line.startswith("tcp_open_total")]
    assert any('target_port="8082"' in line and line.endswith(" 1") for line in opened), opened
