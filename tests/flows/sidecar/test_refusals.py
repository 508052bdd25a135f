"""Who cannot prove who they are: not a byte for them, in either direction, a counter for each reason, and few lines."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from agents.sidecar.admin import metrics
from agents.sidecar.engine.detect import MESH_ALPN
from agents.sidecar.engine.http2.wire import PREFACE
from agents.sidecar.state.certs import Certificate
from tests.support.mesh import Mesh, Plane, new_authority
from tests.support.serving import serving

TIMES = 3
WEB = "spiffe://local/ns/default/sa/web"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Heard:
    """A server that remembers what it was told."""

    def __init__(self, answer: bytes = b"") -> None:
        self.data = b""
        self.connections = 0
        self._answer = answer

    async def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(OSError, ssl.SSLError):
            while data := await reader.read(65536):
                self.data += data
                writer.write(self._answer)
        writer.close()


@pytest.fixture
async def application() -> AsyncIterator[tuple[Heard, int]]:
    heard = Heard()
    async with serving(heard.client) as port:
        yield heard, port


def _made(mesh: Mesh, kind: str) -> Certificate | None:
    """Return a certificate that will not do."""
    match kind:
        case "no-certificate":
            return None
        case "foreign-authority":
            return mesh.certificate(WEB, new_authority())
        case "expired":
            return mesh.certificate(WEB, life=timedelta(seconds=-5))
        case "not-yet-valid":
            return mesh.certificate(WEB, after=timedelta(hours=2))
        case "no-identity":
            return mesh.certificate("https://somebody")
        case _:
            return mesh.certificate("spiffe://local/ns/default/sa/other")


def _context(role: int, certificate: Certificate | None) -> ssl.SSLContext:
    context = ssl.SSLContext(role)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([MESH_ALPN.decode()])
    if certificate is not None:
        context.load_cert_chain(certificate.path)
    return context


def _refused(plane: Plane) -> dict[tuple[str, str], int]:
    return {key: count for key, count in plane.runtime.certs.refusals.counts.items() if count}


async def _refuses(plane: Plane, wanted: dict[tuple[str, str], int]) -> None:
    """See to it that so many come to be refused for these reasons, and none for others."""
    async with asyncio.timeout(60):
        while sum(_refused(plane).values()) < sum(wanted.values()):
            await asyncio.sleep(0.01)
    assert _refused(plane) == wanted


def _lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "no mutual TLS" in record.getMessage()]


def _knock(port: int, context: ssl.SSLContext) -> bytes:
    """Connect as a stranger who does not care whether he is believed, and return all that is answered."""
    told = b""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        secured = context.wrap_socket(plain)
        secured.sendall(PREFACE)
        while data := secured.recv(4096):
            told += data
    return told


@pytest.mark.parametrize("kind", ["no-certificate", "foreign-authority", "expired", "not-yet-valid", "no-identity"])
async def test_clients(application: tuple[Heard, int], caplog: pytest.LogCaptureFixture, kind: str) -> None:
    heard, port = application
    async with Mesh() as mesh:
        far = mesh.sidecar("voting")
        entry = far.inbound(port)
        context = _context(ssl.PROTOCOL_TLS_CLIENT, _made(mesh, kind))
        for _ in range(TIMES):
            assert await asyncio.to_thread(_knock, entry, context) == b""
        await _refuses(far, {("inbound", kind): TIMES})
        text = "".join(metrics.render(far.runtime, set))
        assert f'meshtui_tls_refused_total{{direction="inbound",reason="{kind}"}} {TIMES}\n' in text
        assert not far.ended.exchanges
    (line,) = _lines(caplog)
    assert f": {kind} (" in line
    assert "127.0.0.1:" in line
    assert (heard.data, heard.connections) == (b"", 0)


@pytest.mark.parametrize(
    "kind", ["foreign-authority", "expired", "not-yet-valid", "no-identity", "identity-mismatch", "no-tls"]
)
@pytest.mark.parametrize("request_", [GET, PREFACE, b"\xff\xff"], ids=["http1", "http2", "opaque"])
async def test_servers(caplog: pytest.LogCaptureFixture, kind: str, request_: bytes) -> None:
    heard = Heard(b"HTTP/1.1 400 Bad Request\r\n\r\n" if kind == "no-tls" else b"")
    async with Mesh() as mesh:
        context = _context(ssl.PROTOCOL_TLS_SERVER, _made(mesh, kind)) if kind != "no-tls" else None
        server = await asyncio.start_server(heard.client, "127.0.0.1", 0, ssl=context)
        voting, near = mesh.sidecar("voting"), mesh.sidecar("web")
        entry = near.outbound("voting", near.endpoint(voting, server.sockets[0].getsockname()[1]))
        reader, writer = await asyncio.open_connection("127.0.0.1", entry)
        secret = request_ + (b"" if request_ != b"\xff\xff" else b"secret")
        writer.write(secret)
        with contextlib.suppress(ConnectionError):
            answer = await asyncio.wait_for(reader.read(65536), 30)
            if request_ == GET:
                reason = b"identity-mismatch" if kind in ("identity-mismatch", "no-identity") else b"tls-failed"
                assert answer.startswith(b"HTTP/1.1 502 ")
                assert b"meshtui-error: " + reason in answer
        if request_ == PREFACE:  # no request, no connection to a server
            assert _refused(near) == {}
        else:
            ((key, count),) = _refused(near).items()
            assert key == ("outbound", kind)
            assert count >= 1
            (line,) = _lines(caplog)
            assert f": {kind} (" in line
            assert "spiffe://local/ns/default/sa/voting at 127.0.0.1:" in line
        assert GET not in heard.data
        assert b"secret" not in heard.data
        if kind != "no-tls":
            assert heard.data == b""  # not even HTTP/2's preface
        writer.close()
        server.close()


async def test_a_client_whose_certificate_is_refused_learns_of_it(
    application: tuple[Heard, int], caplog: pytest.LogCaptureFixture
) -> None:
    heard, port = application
    async with Mesh() as mesh:
        far, near = mesh.sidecar("voting"), mesh.sidecar("web", new_authority())
        entry = near.outbound("voting", near.endpoint(far, far.inbound(port)))
        reader, writer = await asyncio.open_connection("127.0.0.1", entry)
        writer.write(GET)
        answer = await asyncio.wait_for(reader.read(65536), 30)
        assert answer.startswith(b"HTTP/1.1 502 ")
        assert b"meshtui-error: tls-refused" in answer
        assert set(_refused(far)) == {("inbound", "foreign-authority")}  # before it said so in an alert
        assert set(_refused(near)) == {("outbound", "refused-by-peer")}
        writer.close()
    far_line, near_line = sorted(_lines(caplog))
    assert far_line.startswith("no mutual TLS with 127.0.0.1:")
    assert ": foreign-authority (" in far_line
    assert near_line.startswith("no mutual TLS with spiffe://local/ns/default/sa/voting at 127.0.0.1:")
    assert ": refused-by-peer (" in near_line
    assert heard.connections == 0


async def test_a_crowd_of_strangers_writes_one_line(
    application: tuple[Heard, int], caplog: pytest.LogCaptureFixture
) -> None:
    _, port = application
    async with Mesh() as mesh:
        far = mesh.sidecar("voting")
        entry = far.inbound(port)
        context = _context(ssl.PROTOCOL_TLS_CLIENT, None)
        await asyncio.gather(*[asyncio.to_thread(_knock, entry, context) for _ in range(60)])
        await _refuses(far, {("inbound", "no-certificate"): 60})
    assert len(_lines(caplog)) == 1


async def test_who_says_nothing_after_hello_is_let_go(
    application: tuple[Heard, int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _, port = application
    monkeypatch.setattr("agents.sidecar.host.arrival.HANDSHAKE_S", 0.2)
    hello = ssl.MemoryBIO()
    stranger = _context(ssl.PROTOCOL_TLS_CLIENT, None).wrap_bio(ssl.MemoryBIO(), hello)
    with contextlib.suppress(ssl.SSLWantReadError):
        stranger.do_handshake()
    async with Mesh() as mesh:
        far = mesh.sidecar("voting")
        entry = far.inbound(port)
        for kind in ("timeout", "broken-off"):
            reader, writer = await asyncio.open_connection("127.0.0.1", entry)
            writer.write(hello.read() if kind == "timeout" else b"")
            if kind == "broken-off":
                writer.transport.abort()
                continue
            with contextlib.suppress(ConnectionError):
                while await asyncio.wait_for(reader.read(4096), 30):
                    pass
            writer.close()
        await _refuses(far, {("inbound", "timeout"): 1})
    (line,) = _lines(caplog)
    assert ": timeout (" in line
