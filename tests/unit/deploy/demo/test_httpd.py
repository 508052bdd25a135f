import asyncio

import pytest
from httpd import Request, Response, Server


async def talk(data: bytes) -> tuple[bytes, list[Request]]:
    """Return what a server answers to some bytes, and what it was asked."""
    asked: list[Request] = []

    async def answer(request: Request) -> Response:
        asked.append(request)
        return Response(200, b"body")

    server = Server(answer)
    reader, writer = await asyncio.open_connection("127.0.0.1", await server.start(0))
    writer.write(data)
    writer.write_eof()
    try:
        reply = await asyncio.wait_for(reader.read(), 30)
    except ConnectionResetError:
        reply = b""
    writer.close()
    await server.close()
    return reply, asked


async def test_requests_on_one_connection_are_answered_in_order() -> None:
    reply, asked = await talk(
        b"GET /api/vote?choice=%3Ax%3A HTTP/1.1\r\nHost: a\r\nX-Y: z\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    assert asked[0] == Request("GET", "/api/vote", {"choice": ":x:"}, {"host": "a", "x-y": "z"})
    assert reply.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert reply.count(b"body") == 1


@pytest.mark.parametrize(
    "head", [b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"], ids=["1.0", "close"]
)
async def test_who_asks_for_the_end_gets_it(head: bytes) -> None:
    reply, asked = await talk(head + b"GET / HTTP/1.1\r\n\r\n")
    assert len(asked) == 1
    assert b"connection: close" in reply


async def test_a_body_is_refused() -> None:
    reply, asked = await talk(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")
    assert reply.startswith(b"HTTP/1.1 405 Method Not Allowed")
    assert not asked


async def test_its_end_lets_a_request_have_its_answer() -> None:
    asked, going = asyncio.Event(), asyncio.Event()

    async def answer(request: Request) -> Response:
        asked.set()
        await going.wait()
        return Response(200, b"body")

    server = Server(answer)
    port = await server.start(0)
    idle, _ = await asyncio.open_connection("127.0.0.1", port)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    await asked.wait()
    closing = asyncio.ensure_future(server.close())
    assert await asyncio.wait_for(idle.read(), 30) == b""
    assert not closing.done()
    going.set()
    assert (await asyncio.wait_for(reader.read(), 30)).endswith(b"body")
    await closing


@pytest.mark.parametrize("data", [b"nonsense\r\n\r\n", b"GET " + b"x" * 40_000 + b" HTTP/1.1\r\n\r\n", b"GET / HT"])
async def test_what_is_no_request_gets_no_answer(data: bytes) -> None:
    assert await talk(data) == (b"", [])
