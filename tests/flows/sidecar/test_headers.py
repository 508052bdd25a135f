"""The mesh's own headers, end to end: an application learns who called from TLS alone, and nobody can forge a word."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest

from tests.support.mesh import Mesh, Plane
from tests.support.serving import serving

WEB = "spiffe://local/ns/default/sa/web"
FORGED = "spiffe://local/ns/default/sa/admin"
LIES = (
    b"Meshtui-Client-Id: " + FORGED.encode() + b"\r\nmeshtui_client_id: " + FORGED.encode() + b"\r\n"
    b"MESHTUI-ERROR: forged\r\n"
)


class Application:
    """Tells lies in each part of an answer, and remembers the heads that it was sent."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []

    async def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(b"HTTP/1.1 103 Early Hints\r\n" + LIES + b"Link: x\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\n" + LIES + b"Content-Length: 2\r\n\r\nok")
        writer.close()


@pytest.fixture
async def application() -> AsyncIterator[tuple[Application, int]]:
    made = Application()
    async with serving(made.client) as port:
        yield made, port


async def _ask(port: int, lines: bytes = b"") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n")
    interim = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
    answer = interim if b" 103 " not in interim else await asyncio.wait_for(reader.readuntil(b"ok"), 30)
    writer.close()
    await writer.wait_closed()
    return interim + answer if answer is not interim else answer


def _ways(mesh: Mesh, port: int) -> dict[str, tuple[Plane, int]]:
    """Return the ports to dial for the application: through a pair, and with a sidecar on one side only."""
    far, near = mesh.sidecar("voting"), mesh.sidecar("web")
    inbound = far.inbound(port)
    return {
        "pair": (far, near.outbound("voting", near.endpoint(far, inbound))),
        "inbound": (far, inbound),
        "outbound": (near, near.outbound("plain", near.endpoint(None, port))),
    }


@pytest.mark.parametrize("way", ["pair", "inbound", "outbound"])
@pytest.mark.parametrize("lies", [b"", LIES])
async def test_http1(application: tuple[Application, int], way: str, lies: bytes) -> None:
    seen, port = application
    async with Mesh() as mesh:
        _, entry = _ways(mesh, port)[way]
        answer = await _ask(entry, lies)
    assert answer == b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    said = b"meshtui-client-id: " + WEB.encode() + b"\r\n" if way == "pair" else b""
    lines = seen.heads[0].split(b"\r\n")
    assert [line + b"\r\n" for line in lines if line.lower().startswith(b"meshtui")] == ([said] if said else [])
    assert b"Host: a" in lines


async def test_why_there_is_no_answer_is_passed_on_from_the_far_sidecar() -> None:
    async with Mesh() as mesh:
        _, entry = _ways(mesh, 1)["pair"]
        reader, writer = await asyncio.open_connection("127.0.0.1", entry)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        assert b"\r\nmeshtui-error: connect-refused\r\n" in head
        writer.close()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{entry}") as channel:
            call = channel.unary_unary("/t.T/Unary")(b"x")
            assert await call.code() is grpc.StatusCode.UNAVAILABLE
            told = {**dict(await call.initial_metadata()), **dict(await call.trailing_metadata())}
            assert told["meshtui-error"] == "connect-refused"


@pytest.mark.parametrize("way", ["pair", "inbound", "outbound"])
async def test_grpc(way: str) -> None:
    heads: list[list[tuple[str, str]]] = []
    lies = (("meshtui-client-id", FORGED), ("meshtui_client_id", FORGED), ("meshtui-error", "forged"))

    async def unary(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        heads.append([(key, str(value)) for key, value in context.invocation_metadata() or ()])
        if request == b"fail":  # before anything is said: a head that is trailers, too
            context.set_trailing_metadata(lies)
            await context.abort(grpc.StatusCode.INTERNAL, "no")
        await context.send_initial_metadata(lies)
        context.set_trailing_metadata(lies)
        return request

    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(unary)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", {"Unary": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with Mesh() as mesh:
        _, entry = _ways(mesh, port)[way]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{entry}") as channel:
            for request in (b"x", b"fail", b"x"):
                call = channel.unary_unary("/t.T/Unary")(request, metadata=lies)
                assert await call.code() is (grpc.StatusCode.INTERNAL if request == b"fail" else grpc.StatusCode.OK)
                told = [*(await call.initial_metadata()), *(await call.trailing_metadata())]
                assert not [pair for pair in told if pair[0].startswith("meshtui")]
    await server.stop(0)
    wanted = [("meshtui-client-id", WEB)] if way == "pair" else []
    for head in heads:
        assert [pair for pair in head if pair[0].startswith("meshtui")] == wanted
    assert len(heads) == 3
