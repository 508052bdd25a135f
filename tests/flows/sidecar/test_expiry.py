"""A certificate that expires under an open connection of the mesh: who has shown it comes again, and is looked at anew.

What is under way is finished; nothing new begins on such a connection, from either side.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest

from agents.sidecar.host.h2fleet import SWEEP_S
from tests.support.mesh import Mesh, Plane
from tests.support.serving import serving

LIFE = timedelta(seconds=3)  # less up to one: certificates are valid to the second
GET = b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n"


class Application:
    """HTTP/1: `/slow` is answered when the test says so."""

    def __init__(self) -> None:
        self.release = asyncio.Event()

    async def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET /slow "):
                    await self.release.wait()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@pytest.fixture
async def application() -> AsyncIterator[tuple[Application, int]]:
    made = Application()
    async with serving(made.client) as port:
        yield made, port


class Client:
    """One HTTP/1 connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    def ask(self, path: bytes = b"") -> None:
        self.writer.write(GET % path)

    async def head(self) -> bytes:
        head = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), 30)
        if head.startswith(b"HTTP/1.1 200"):
            await self._reader.readexactly(2)
        return head


async def _connect(port: int) -> Client:
    return Client(*await asyncio.open_connection("127.0.0.1", port))


def _shortlived(mesh: Mesh, plane: Plane) -> None:
    certs = plane.runtime.certs
    certs.install(mesh.certificate(plane.me.identity, life=LIFE), certs.anchors_pem)


def _hops(near: Plane) -> int:
    return sum(len(carriers.open) for carriers in near.fleet._all)


def _held(far: Plane) -> int:
    """Return how many connections of the mesh the accepting side has, less the streams inside them."""
    return sum(isinstance(connection, far.makers.hop.func) for connection in far.host.open)


async def _until(condition: Callable[[], bool], far: Plane) -> None:
    async with asyncio.timeout(60):
        while not condition():
            far.host.sweep(0.0)
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("whose", ["server", "client"])
async def test_who_has_not_renewed_is_told_nothing_new(application: tuple[Application, int], whose: str) -> None:
    there, port = application
    async with Mesh() as mesh:
        far, near = mesh.sidecar("voting"), mesh.sidecar("web")
        stale = far if whose == "server" else near
        _shortlived(mesh, stale)
        entry = near.outbound("voting", near.endpoint(far, far.inbound(port)))
        slow, kept = await _connect(entry), await _connect(entry)
        slow.ask(b"slow")
        kept.ask()
        assert (await kept.head()).startswith(b"HTTP/1.1 200")
        assert (_hops(near), _held(far)) == (1, 1)
        await _until(lambda: not _hops(near), far)
        # Nothing new: what there is of a connection, or of a stream kept for the next request, is of no use.
        kept.ask()
        error = b"tls-failed" if whose == "server" else b"tls-refused"
        assert b"meshtui-error: " + error in await kept.head()
        counted = near if whose == "server" else far
        assert counted.runtime.certs.refusals.counts["outbound" if whose == "server" else "inbound", "expired"] >= 1
        # But nothing is lost either, and with the last stream the connection ends.
        there.release.set()
        assert (await slow.head()).startswith(b"HTTP/1.1 200")
        await _until(lambda: not _held(far), far)
        stale.renew()
        again = await _connect(entry)
        async with asyncio.timeout(60):  # who was refused a moment ago does not dial at once
            while True:
                again.ask()
                if (await again.head()).startswith(b"HTTP/1.1 200"):
                    break
                await asyncio.sleep(0.05)
        for client in (slow, kept, again):
            client.writer.close()


async def test_a_certificate_that_is_valid_ends_nothing(application: tuple[Application, int]) -> None:
    _, port = application
    async with Mesh() as mesh:
        far, near = mesh.sidecar("voting"), mesh.sidecar("web")
        entry = near.outbound("voting", near.endpoint(far, far.inbound(port)))
        client = await _connect(entry)
        client.ask()
        await client.head()
        (carrier,) = near.fleet._all[0].open
        far.host.sweep(0.0)
        await asyncio.sleep(SWEEP_S + 0.5)  # the other side's sweep, and a goodbye that is announced first
        assert near.fleet._all[0].open == [carrier]
        client.writer.close()
