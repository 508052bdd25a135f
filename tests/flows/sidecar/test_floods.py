"""HTTP/2 floods against a real sidecar, from a client without one and from another sidecar: GOAWAY with the right code,
a counter, a line of log, and nobody else notices.
"""

import asyncio
import select
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from agents.sidecar.engine.detect import MESH_ALPN
from agents.sidecar.engine.http2 import wire
from agents.sidecar.engine.http2.limits import HOP
from agents.sidecar.host import hop
from agents.sidecar.state.violations import Violation
from meshcore.pki import authority
from tests.support.h2client import Client
from tests.support.mesh import Mesh
from tests.support.plane import free_port
from tests.support.rogue import serving
from tests.support.solo import NAMESPACE, Sidecar, Solo

pytestmark = [pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

VIOLATIONS = "meshtui_http2_violations_total"
IDENTITY = f"spiffe://local/ns/{NAMESPACE}/sa/attacker"
BLOCK = b"\x83\x86\x04\x06/stall\x01\x03web"  # POST http://web/stall, nothing of it for the table
PIECE = 1 << 14
STREAMS = 500  # that a client may open
OVER = 5
MOST = 64 << 20  # bytes that no flood may need
CALM = "ENHANCE_YOUR_CALM"


def request(stream: int, flags: int = 5) -> bytes:
    return wire.frame(wire.HEADERS, flags, stream, BLOCK)


@dataclass(frozen=True)
class Flood:
    """What it begins with, what it goes on with, and the words that it ends with."""

    reason: str
    again: bytes
    first: bytes = b""
    code: str = CALM


RESETS = b"".join(request(number) + wire.rst_stream(number, wire.CANCEL) for number in range(1, 20_001, 2))
BOMB = BLOCK + b"\x40\x01x\x7f\xa1\x1e" + b"b" * 4000 + b"\xbe" * 10_000  # one entry of the table, ten thousand times
FLOODS = {
    "rapid reset": Flood("rapid resets", RESETS),
    "ping": Flood("pings", wire.frame(wire.PING, 0, 0, bytes(8))),
    "settings": Flood("settings", wire.settings({wire.INITIAL_WINDOW_SIZE: 65_535})),
    "acknowledged pings": Flood("unasked acknowledgements", wire.frame(wire.PING, wire.ACK, 0, bytes(8))),
    "acknowledged settings": Flood("unasked acknowledgements", wire.frame(wire.SETTINGS, wire.ACK, 0, b"")),
    "empty data": Flood("empty DATA frames", wire.frame(wire.DATA, 0, 1, b""), request(1, 4)),
    "windows": Flood("window updates", wire.window_update(0, 1)),
    "windows of a stream": Flood("window updates", wire.window_update(1, 1), request(1)),
    "priority": Flood("priorities", wire.frame(wire.PRIORITY, 0, 3, b"\0\0\0\0\x10")),
    "unknown frames": Flood("unknown frames", wire.frame(0x99, 0, 0, b"")),
    "continuation": Flood("a head without end", wire.frame(wire.CONTINUATION, 0, 1, b""), request(1, 1)),
    "hpack bomb": Flood("a block that decodes to too much", b"", wire.frame(wire.HEADERS, 5, 1, BOMB)),
    "no flood, but wrong": Flood("data on an idle stream", b"", wire.frame(wire.DATA, 0, 1, b"x"), "PROTOCOL_ERROR"),
}


class Attacker:
    """One connection over a plain socket, or with the mesh's TLS; it goes on until it is cut off."""

    def __init__(self, port: int, context: ssl.SSLContext | None) -> None:
        plain = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.name = f"127.0.0.1:{plain.getsockname()[1]}"
        self.socket = context.wrap_socket(plain) if context else plain
        self.heard = b""
        self.over = False
        self.send(wire.PREFACE + wire.settings({}))

    def send(self, data: bytes) -> None:
        """Send in pieces, and read what is answered in between."""
        for start in range(0, len(data), PIECE):
            with suppress(OSError):  # it is over: what was said before that can still be read
                self.socket.sendall(data[start : start + PIECE])
            while not self.over and select.select([self.socket], [], [], 0)[0]:
                self.read()

    def read(self) -> None:
        data = b""
        with suppress(ConnectionResetError, BrokenPipeError, ssl.SSLError):
            data = self.socket.recv(1 << 16)
        self.heard += data
        self.over = not data

    def frames(self, kind: int) -> list[tuple[int, bytes]]:
        """Return stream and payload of each frame of a kind that came."""
        found = []
        data = self.heard
        while len(data) >= 9:
            end = 9 + int.from_bytes(data[:3])
            if data[3] == kind:
                found.append((int.from_bytes(data[5:9]), data[9:end]))
            data = data[end:]
        return found

    def hear(self, kind: int, count: int) -> list[tuple[int, bytes]]:
        """Return the frames of a kind once there are so many of them, or nothing comes any more."""
        while not self.over and len(self.frames(kind)) < count:
            self.read()
        return self.frames(kind)

    def answers(self) -> bool:
        """Tell whether the connection is still alive."""
        self.send(wire.frame(wire.PING, 0, 0, b"still on"))
        return self.hear(wire.PING, 1) == [(0, b"still on")]

    def flood(self, flood: Flood) -> tuple[str, str]:
        """Do it, and return code and reason of the last word."""
        self.send(flood.first)
        again = flood.again * max(1, PIECE * 4 // len(flood.again)) if flood.again else b""
        sent = 0
        while again and not self.over and sent < MOST:
            self.send(again)
            sent += len(again)
        while not self.over:
            self.read()
        self.socket.close()
        ((_, payload),) = self.frames(wire.GOAWAY)
        return wire.CODES[int.from_bytes(payload[4:8])], payload[8:].decode()


@dataclass
class Scene:
    """A sidecar that is attacked, a client that is not to notice, and how attackers connect."""

    web: Sidecar
    application: int
    client: Client
    context: ssl.SSLContext | None

    def attacker(self) -> Attacker:
        return Attacker(self.web.port, self.context)

    async def counted(self, flood: Flood) -> float:
        reason = flood.reason.replace(" ", "-")
        labels = ('direction="inbound"', 'peer="src"', f'code="{flood.code}"', f'reason="{reason}"')
        return await self.web.metrics(VIOLATIONS, *labels)

    async def comes_to(self, count: float, flood: Flood) -> None:
        async with asyncio.timeout(60):
            while await self.counted(flood) != count:
                await asyncio.sleep(0.2)

    def lines(self, flood: Flood) -> list[str]:
        """Return the log's lines about this."""
        text = f": {flood.reason} ({flood.code})"
        return [line for line in self.web.log.read_text().splitlines() if "ended HTTP/2 with" in line and text in line]


def stranger(solo: Solo, folder: Path) -> ssl.SSLContext:
    """Return TLS of a workload of this mesh whose sidecar is none of ours."""
    key = authority.new_key()
    leaf = solo.plane.authority.issue(key.public_key(), IDENTITY, datetime.now(UTC))
    path = folder / "attacker.pem"
    path.write_bytes(authority.key_pem(key) + leaf.pem)
    return trusted(path)


def trusted(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([MESH_ALPN.decode()])
    context.load_cert_chain(certificate)
    return context


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["plain", "hop"])
async def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    port = free_port()
    async with serving(port), Solo() as solo:
        solo.plane.orders.clear()
        web = await solo.inbound("web", port, max_streams=STREAMS)
        if request.param == "plain":
            made = Scene(web, port, await Client.to(web.port), None)
        else:
            near = await solo.outbound("caller", web)
            context = stranger(solo, tmp_path_factory.mktemp("attacker"))
            made = Scene(web, port, await Client.to(near.port), context)
        yield made
        made.client.transport.abort()


@pytest.mark.parametrize("name", FLOODS)
async def test_floods(scene: Scene, name: str) -> None:
    flood = FLOODS[name]
    before, lines = await scene.counted(flood), len(scene.lines(flood))
    waiting = scene.client.begin(b"/stall-later")
    await asyncio.wait_for(waiting.begun.wait(), 60)
    attacker = scene.attacker()
    assert await asyncio.to_thread(attacker.flood, flood) == (flood.code, flood.reason)
    await scene.comes_to(before + 1, flood)
    if not lines:  # else another flood of this kind may have been told of a moment ago
        (line,) = scene.lines(flood)
        assert attacker.name in line
        assert (IDENTITY in line) == (scene.context is not None)
    assert (await scene.client.ask(b"/well", limit=60)).body == b"well"
    assert not waiting.ended.is_set()
    scene.client.streams[-2].reset(wire.CANCEL)


async def test_a_crowd_of_them_writes_few_lines(scene: Scene) -> None:
    flood = Flood("pushes are not wanted", b"", wire.frame(wire.PUSH_PROMISE, 4, 1, bytes(4)), "PROTOCOL_ERROR")
    crowd = [scene.attacker() for _ in range(30)]
    ends = await asyncio.gather(*[asyncio.to_thread(each.flood, flood) for each in crowd])
    assert ends == [(flood.code, flood.reason)] * 30
    await scene.comes_to(30, flood)
    assert 1 <= len(scene.lines(flood)) < 30  # one in ten seconds
    assert (await scene.client.ask(b"/well", limit=60)).body == b"well"


def overfill(attacker: Attacker, limit: int) -> None:
    """Open more streams than allowed, and see to it that those are refused which are too many."""
    attacker.send(b"".join(request(2 * number + 1) for number in range(limit + OVER)))
    refused = attacker.hear(wire.RST_STREAM, OVER)
    wanted = wire.REFUSED_STREAM.to_bytes(4)
    assert refused == [(2 * number + 1, wanted) for number in range(limit, limit + OVER)]


@pytest.mark.parametrize("scene", ["plain"], indirect=True)
async def test_streams_over_the_limit_are_refused_and_the_connection_goes_on(scene: Scene) -> None:
    attacker = scene.attacker()
    await asyncio.to_thread(overfill, attacker, STREAMS)
    assert await scene.web.until(OVER, "meshtui_limit_refused_total", 'limit="streams"') == OVER
    log = scene.web.log.read_text()
    assert log.count(f"{attacker.name} has opened more than its {STREAMS} streams at once") == 1
    assert (await scene.client.ask(b"/well", limit=60)).body == b"well"
    assert await asyncio.to_thread(attacker.answers)
    attacker.socket.close()
    assert await scene.web.until(0, "meshtui_inflight_requests") == 0


async def test_streams_of_another_sidecar_over_its_limit(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In one process with the test: it may open more than any application takes, so the limit is another here."""
    monkeypatch.setattr(hop, "HOP", replace(HOP, streams=STREAMS))
    port = free_port()
    async with serving(port), Mesh() as mesh:
        web = mesh.sidecar("web")
        entry = web.inbound(port)
        context = trusted(Path(mesh.certificate(IDENTITY).path))
        attacker = await asyncio.to_thread(Attacker, entry, context)
        await asyncio.to_thread(overfill, attacker, STREAMS)
        assert web.runtime.bounds.refused["streams-limit"] == OVER
        assert await asyncio.to_thread(attacker.answers)
        attacker.socket.close()
    (line,) = [line for line in caplog.messages if "has opened more than its" in line]
    assert line.startswith(f"{attacker.name} has")


async def test_an_application_that_floods_is_let_go_of(scene: Scene) -> None:
    labels = ('direction="inbound"', 'peer="dst"', f'code="{CALM}"', 'reason="pings"')
    before = await scene.web.metrics(VIOLATIONS, *labels)
    answer = await scene.client.ask(b"/flood", limit=60)
    assert (answer.status, answer.error) == (502, b"bad-response")
    assert await scene.web.until(before + 1, VIOLATIONS, *labels) == before + 1
    assert f"ended HTTP/2 with 127.0.0.1:{scene.application}: pings ({CALM})" in scene.web.log.read_text()
    assert (await scene.client.ask(b"/well", limit=60)).body == b"well"


async def test_another_sidecar_that_floods_its_clients_is_let_go_of(caplog: pytest.LogCaptureFixture) -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readexactly(len(wire.PREFACE))
            writer.write(wire.settings({}) + wire.frame(wire.PING, 0, 0, bytes(8)) * 50_000)
            while await reader.read(1 << 16):
                pass
        writer.close()

    async with Mesh() as mesh:
        web, near = mesh.sidecar("web"), mesh.sidecar("caller")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols([MESH_ALPN.decode()])
        context.load_cert_chain(mesh.certificate(web.me.identity).path)
        server = await asyncio.start_server(flood, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        client = await Client.to(near.outbound("web", near.endpoint(web, port)))
        answer = await client.ask(b"/", limit=60)
        assert (answer.status, answer.error) == (502, b"bad-response")
        kind = Violation("outbound", "dst", CALM, "pings")
        assert near.runtime.violations.counts.keys() == {kind}
        client.transport.abort()
        server.close()
    assert f"ended HTTP/2 with {web.me.identity} at 127.0.0.1:{port}: pings ({CALM})" in caplog.messages
