"""A mesh changes its root of trust under load, in the three steps of the books: trust both, be signed by the new one,
trust the old one no longer. Not a request fails, not a connection is dropped, and in the end the old root is nobody."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
import grpc.aio
import pytest
from cryptography import x509

from meshcore.pki.authority import Authority
from tests.support.mesh import Mesh, Plane, new_authority
from tests.support.serving import serving

PER_STEP = 40  # requests of each client, before the next step


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """HTTP/1, or whatever begins with a byte that is none of its: echoed."""
    try:
        first = await reader.readexactly(1)
        if first == b"\xff":
            writer.write(first)
            while data := await reader.read(65536):
                writer.write(data)
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


@pytest.fixture
async def plain() -> AsyncIterator[int]:
    async with serving(_serve) as port:
        yield port


@pytest.fixture
async def rpc() -> AsyncIterator[int]:
    async def unary(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        return request

    async def echo(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request

    server = grpc.aio.server()
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Echo": grpc.stream_stream_rpc_method_handler(echo),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield port
    await server.stop(0)


class Load:
    """Clients that never stop asking; each `once` raises if anything is amiss."""

    def __init__(self) -> None:
        self.done: dict[str, int] = {}
        self._ending = False
        self._tasks: list[asyncio.Task[None]] = []

    def add(self, name: str, once: Callable[[], Awaitable[None]]) -> None:
        self.done[name] = 0

        async def ask() -> None:
            while not self._ending:
                await asyncio.wait_for(once(), 30)
                self.done[name] += 1
                await asyncio.sleep(0.002)

        self._tasks.append(asyncio.ensure_future(ask()))

    async def go_on(self) -> None:
        """Until every client has asked some more; raises what one of them met."""
        wanted = {name: count + PER_STEP for name, count in self.done.items()}
        async with asyncio.timeout(60):
            while any(self.done[name] < count for name, count in wanted.items()):
                for task in self._tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Ask nothing more. What is under way is waited for: given up, it could not be told from what was lost."""
        self._ending = True
        await asyncio.gather(*self._tasks)


async def _http1(port: int, keep: bool) -> Callable[[], Awaitable[None]]:
    kept: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def once() -> None:
        if not kept:
            kept.append(await asyncio.open_connection("127.0.0.1", port))
        reader, writer = kept[0]
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        answer = await reader.readuntil(b"ok")
        assert answer.startswith(b"HTTP/1.1 200"), answer
        if not keep:
            kept.clear()
            writer.close()

    return once


async def _opaque(port: int, keep: bool) -> Callable[[], Awaitable[None]]:
    kept: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def once() -> None:
        if not kept:
            kept.append(await asyncio.open_connection("127.0.0.1", port))
            kept[0][1].write(b"\xff\xfe")
            assert await kept[0][0].readexactly(2) == b"\xff\xfe"
        reader, writer = kept[0]
        writer.write(b"x" * 5000)
        assert await reader.readexactly(5000) == b"x" * 5000
        if not keep:
            kept.clear()
            writer.close()

    return once


def _trust(plane: Plane, *authorities: Authority) -> None:
    plane.runtime.certs.trust("".join(each.bundle_pem.decode() for each in authorities))


def _signed(mesh: Mesh, plane: Plane, by: Authority) -> None:
    certs = plane.runtime.certs
    certs.install(mesh.certificate(plane.me.identity, by), certs.anchors_pem)


def _issuers(plane: Plane) -> set[str]:
    """Return who has signed the certificates of the servers that new requests would go to."""
    return {
        x509.load_der_x509_certificate(
            carrier.transport.get_extra_info("ssl_object").getpeercert(True)
        ).issuer.rfc4514_string()
        for carriers in plane.fleet._all
        for carrier in carriers.open
    }


async def test_a_new_root_under_load(plain: int, rpc: int) -> None:
    async with Mesh() as mesh:
        old, new = mesh.authority, new_authority("next")
        far, near = mesh.sidecar("voting"), mesh.sidecar("web")
        to_plain = near.outbound("voting", near.endpoint(far, far.inbound(plain)))
        to_rpc = near.outbound("rpc", near.endpoint(far, far.inbound(rpc)))
        load = Load()
        for keep in (True, False):
            load.add(f"http1 {keep}", await _http1(to_plain, keep))
            load.add(f"opaque {keep}", await _opaque(to_plain, keep))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{to_rpc}") as channel:
            unary, stream = channel.unary_unary("/t.T/Unary"), channel.stream_stream("/t.T/Echo")()

            async def call() -> None:
                assert await unary(b"x") == b"x"

            async def converse() -> None:
                await stream.write(b"y")
                assert await stream.read() == b"y"

            load.add("unary", call)
            load.add("stream", converse)
            await load.go_on()
            assert _issuers(near) == {old.issuer.subject.rfc4514_string()}
            # As news travels: one sidecar hears of it before the other, and there is traffic in between.
            steps: list[Callable[[Plane], None]] = [
                lambda plane: _trust(plane, old, new),
                lambda plane: _signed(mesh, plane, new),
                lambda plane: _trust(plane, new),
            ]
            for step in steps:
                for plane in (far, near):
                    step(plane)
                    far.host.sweep(time.perf_counter())
                    await load.go_on()
            far.host.sweep(time.perf_counter())
            await asyncio.sleep(0.6)  # goodbyes are announced first
            await load.go_on()
            assert _issuers(near) == {new.issuer.subject.rfc4514_string()}
            await load.stop()
            stream.cancel()
        for plane in (near, far):
            assert {x.status for x in plane.ended.exchanges} == {200}
            # Nobody has given up but the client of the one call that has no end of its own.
            assert {(x.path, x.error) for x in plane.ended.exchanges if x.error} <= {(b"/t.T/Echo", "client-closed")}
        assert not any(
            plane.runtime.certs.refusals.counts[key]
            for plane in (near, far)
            for key in plane.runtime.certs.refusals.counts
        )
        # And who still comes with what the old root has signed is nobody.
        stale = mesh.sidecar("web", old)
        _trust(stale, old, new)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", stale.outbound("voting", stale.endpoint(far, far.inbound(plain)))
        )
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        assert b"meshtui-error: tls-refused" in await reader.readuntil(b"\r\n\r\n")
        assert far.runtime.certs.refusals.counts["inbound", "foreign-authority"]
        writer.close()
