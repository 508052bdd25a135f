"""A sidecar's last word on a connection of the mesh crosses what others have just begun on it: nothing of it is lost.

The server has not looked at such streams and says so (RFC 9113, 6.8); who began them says everything again elsewhere,
be it a request that must not be sent twice, or bytes that nobody understands.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest

from agents.sidecar.host import h2
from tests.support.mesh import Mesh, Plane
from tests.support.serving import serving

EACH = 5


class Application:
    """HTTP/1, or opaque bytes that are echoed; remembers what it was told, to the last byte."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    async def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                self.heard.append(data)
                opaque = data.startswith(b"\0")
                writer.write(data if opaque else b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except ConnectionError:
            pass
        writer.close()


@pytest.fixture
async def application() -> AsyncIterator[tuple[Application, int]]:
    made = Application()
    async with serving(made.client) as port:
        yield made, port


@pytest.fixture
async def rpc() -> AsyncIterator[int]:
    async def unary(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        return request

    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(unary)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", {"Unary": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield port
    await server.stop(0)


async def _say(port: int, data: bytes, until: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    answer = await asyncio.wait_for(reader.readuntil(until), 30)
    writer.close()
    return answer


def _post(number: int) -> bytes:
    return b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody" % number


def _carriers(near: Plane) -> list[Any]:
    return [carrier for carriers in near.fleet._all for carrier in carriers.open]


async def test_what_crosses_the_last_word_is_said_again(
    application: tuple[Application, int], rpc: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(h2, "GOODBYE_S", 0.05)
    there, port = application
    async with Mesh() as mesh:
        far, near = mesh.sidecar("voting"), mesh.sidecar("web")
        entry = near.outbound("voting", near.endpoint(far, far.inbound(port)))
        calls = near.outbound("rpc", near.endpoint(far, far.inbound(rpc)))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{calls}") as channel:
            unary = channel.unary_unary("/t.T/Unary")
            assert await unary(b"first") == b"first"
            assert (await _say(entry, b"\0first", b"first")).endswith(b"first")
            there.heard.clear()
            before = _carriers(near)
            assert len(before) == 2
            for carrier in before:  # the news is under way for long
                carrier.transport.pause_reading()
            far.renew()
            far.host.sweep(0.0)
            await asyncio.sleep(0.2)  # the last word has been said, and was not heard
            asked = [_say(entry, _post(number), b"ok") for number in range(EACH)]
            asked += [_say(entry, b"\0opaque %d" % number, b"%d" % number) for number in range(EACH)]
            asked += [unary(b"call %d" % number) for number in range(EACH)]
            answers = asyncio.gather(*asked)
            await asyncio.sleep(0.2)
            assert there.heard == []
            for carrier in before:
                carrier.transport.resume_reading()
            said = await answers
            assert all(answer.startswith(b"HTTP/1.1 200") for answer in said[:EACH])
            assert said[EACH:] == [
                *[b"\0opaque %d" % number for number in range(EACH)],
                *[b"call %d" % number for number in range(EACH)],
            ]
        # Each once, and on other connections than those that were left.
        posts = [b"POST /%d HTTP/1.1" % number for number in range(EACH)]
        assert sorted(data.partition(b"\r\n")[0] for data in there.heard) == sorted(posts + said[EACH : 2 * EACH])
        assert not set(_carriers(near)) & set(before)
        assert {x.status for x in near.ended.exchanges} == {200}
        assert {x.error for x in near.ended.exchanges} == {""}
