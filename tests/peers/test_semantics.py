"""What HTTP/1 asks of a proxy, through one sidecar and through two: fields, interim answers, ends, and bodies or none.

The application says its lines word for word and keeps what it heard, so that both are compared byte by byte.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.local import Local, free_port, inside

pytestmark = pytest.mark.timeout(120)

PORT = free_port()
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSING = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class Application:
    """Answers each request with the next of its lines; what has a None in it goes on when `go` is set."""

    def __init__(self) -> None:
        self.heard = b""
        self.lines: list[list[bytes | None]] = []
        self.go = asyncio.Event()
        self.ended = asyncio.Event()  # a client said its last word
        self._open: set[asyncio.StreamWriter] = set()

    def says(self, *parts: bytes | None) -> None:
        self.lines.append(list(parts))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        while data := await reader.read(65536):
            self.heard += data
            while self.lines and self.heard.count(b"\r\n\r\n"):
                for part in self.lines.pop(0):
                    if part is None:
                        await self.go.wait()
                    else:
                        writer.write(part)
        self.ended.set()
        writer.close()

    def abort(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    def reset(self) -> None:
        for writer in self._open:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.abort()


@pytest.fixture(scope="module")
def mesh() -> Iterator[Local]:
    with Local({"web": inside(PORT)}) as mesh:
        yield mesh


@pytest.fixture
async def application(mesh: Local) -> AsyncIterator[Application]:
    made = Application()
    server = await asyncio.start_server(made.serve, "127.0.0.1", PORT)
    yield made
    server.close()
    made.abort()
    await asyncio.sleep(0.05)


@pytest.fixture(params=["pair", "inbound"])
async def client(request: pytest.FixtureRequest, mesh: Local) -> AsyncIterator["Client"]:
    port = mesh.outbound("web") if request.param == "pair" else mesh.inbound("web")
    made = Client(*await asyncio.open_connection("127.0.0.1", port))
    yield made
    made.writer.close()


class Client:
    """Says bytes, hears bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def says(self, *lines: bytes, body: bytes = b"") -> None:
        self.writer.write(b"\r\n".join([*lines, body]))

    async def hears(self, expected: bytes) -> None:
        """Compare what comes next with what is expected, as it is."""
        heard = b""
        try:
            heard = await asyncio.wait_for(self.reader.readexactly(len(expected)), 30)
        except asyncio.IncompleteReadError as short:
            heard = short.partial
        assert heard == expected

    async def hears_the_end(self) -> None:
        assert await asyncio.wait_for(self.reader.read(), 30) == b""


def told(heard: bytes) -> bytes:
    """Return a request less what the sidecar itself says of the client."""
    lines = heard.split(b"\r\n")
    return b"\r\n".join(line for line in lines if not line.startswith(b"meshtui-client-"))


REQUEST = [b"GET /a?b HTTP/1.1", b"Host: web", b"Via: 1.0 fred", b"Date: yesterday", b"X-Forwarded-For: 1.2.3.4"]


async def test_nothing_is_added_to_or_taken_from_what_concerns_others(application: Application, client: Client) -> None:
    answer = (
        b"HTTP/1.1 200 Quite Fine\r\nDate: tomorrow\r\nvia: 1.1 cache\r\nServer: me\r\nSet-Cookie: a=b\r\n"
        b"Set-Cookie: c=d\r\nX-Empty:\r\nX-Raw: \xe4\r\ncontent-length: 2\r\n\r\nok"
    )
    application.says(answer)
    client.says(*REQUEST, b"Cookie: a=b", b"X-Empty:", b"aCCept: */*", b"")
    await client.hears(answer)
    assert told(application.heard) == b"\r\n".join([*REQUEST, b"Cookie: a=b", b"X-Empty:", b"aCCept: */*", b"", b""])


async def test_what_is_meant_for_one_hop_goes_no_further(application: Application, client: Client) -> None:
    gone = [b"Connection: keep-alive, x-gone", b"X-Gone: 1", b"Keep-Alive: 9", b"Proxy-Connection: x", b"TE: gzip"]
    application.says(
        b"HTTP/1.1 200 OK\r\nX-Secret: 1\r\nConnection: X-Secret\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\n"
        b"X-Kept: 1\r\nContent-Length: 2\r\n\r\nok"
    )
    client.says(*REQUEST, *gone, b"Proxy-Authorization: Basic eA==", b"X-Kept: 1", b"")
    await client.hears(b"HTTP/1.1 200 OK\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\nok")
    assert told(application.heard) == b"\r\n".join([*REQUEST, b"X-Kept: 1", b"", b""])


async def test_the_target_says_the_host(application: Application, client: Client) -> None:
    application.says(OK)
    client.says(b"GET http://web:80/a?b HTTP/1.1", b"Host: other", b"X: y", b"")
    await client.hears(OK)
    assert told(application.heard) == b"GET /a?b HTTP/1.1\r\nHost: web:80\r\nX: y\r\n\r\n"


async def test_interim_answers_come_at_once_and_in_order(application: Application, client: Client) -> None:
    first, second = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n"
    application.says(first, second, None, OK)
    client.says(*REQUEST, b"")
    await client.hears(first + second)
    application.go.set()
    await client.hears(OK)
    application.says(OK)
    client.says(*REQUEST, b"")
    await client.hears(OK)


async def test_an_older_client_is_told_nothing_interim(application: Application, client: Client) -> None:
    application.says(b"HTTP/1.1 103 Early Hints\r\n\r\n", OK)
    client.says(b"GET / HTTP/1.0", b"")
    await client.hears(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
    await client.hears_the_end()


async def test_a_body_that_waits_for_leave(application: Application, client: Client) -> None:
    """RFC 9110, 10.1.1: leave is the application's to give, and so is the refusal."""
    head = [b"POST / HTTP/1.1", b"Host: web", b"Content-Length: 5", b"Expect: 100-continue", b""]
    application.says(b"HTTP/1.1 100 Continue\r\n\r\n")
    client.says(*head)
    await client.hears(b"HTTP/1.1 100 Continue\r\n\r\n")
    application.says(OK)
    client.says(body=b"hello")
    await client.hears(OK)
    assert told(application.heard) == b"\r\n".join([*head, b"hello"])
    refusal = b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n"
    application.says(refusal)
    client.says(*head)
    found = await asyncio.wait_for(client.reader.readuntil(b"\r\n\r\n"), 30)
    assert found.startswith(b"HTTP/1.1 417 Expectation Failed\r\n")


async def test_a_client_that_has_said_its_last_word_is_answered(application: Application, client: Client) -> None:
    application.says(None, OK)
    client.says(*REQUEST, b"")
    client.writer.write_eof()
    await asyncio.sleep(0.1)
    application.go.set()
    found = await asyncio.wait_for(client.reader.read(), 30)
    assert found.startswith(b"HTTP/1.1 200 OK\r\n")
    assert found.endswith(b"\r\n\r\nok")


async def test_an_answer_whose_end_is_the_connections_is_not_ended_by_a_reset(
    application: Application, client: Client
) -> None:
    application.says(b"HTTP/1.1 200 OK\r\n\r\nall but")
    client.says(*REQUEST, b"")
    await client.hears(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall but")
    application.reset()
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(client.reader.read(), 60)


@pytest.mark.parametrize(
    ("begin", "agreed"),
    [
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        ),
    ],
)
async def test_a_client_that_says_all_before_a_tunnel_is_agreed_to(
    application: Application, client: Client, begin: bytes, agreed: bytes
) -> None:
    application.says(None, agreed)
    client.says(body=begin + b"early")
    client.writer.write_eof()
    await asyncio.sleep(0.1)
    application.go.set()
    await client.hears(agreed)
    await asyncio.wait_for(application.ended.wait(), 60)
    assert application.heard.endswith(b"\r\n\r\nearly")


async def test_trailers_both_ways(application: Application, client: Client) -> None:
    chunks = b"5;ext=1\r\nhello\r\n0\r\nX-Sum: 1\r\nX-Other:\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    head = [b"POST / HTTP/1.1", b"Host: web", b"Trailer: X-Sum", b"Transfer-Encoding: chunked", b""]
    application.says(None, answer)
    client.says(*head, body=chunks)
    application.go.set()
    await client.hears(answer)
    assert told(application.heard) == b"\r\n".join([*head, chunks])


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        (b"HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: x\r\n\r\n"),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (b"POST", b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n"),
    ],
)
async def test_answers_without_a_body(application: Application, client: Client, method: bytes, answer: bytes) -> None:
    """And the next answer on the connection is the next one."""
    application.says(answer)
    client.says(method + b" / HTTP/1.1", b"Host: web", b"")
    await client.hears(answer)
    application.says(OK)
    client.says(*REQUEST, b"")
    await client.hears(OK)


async def test_an_upgrade_that_is_not_agreed_to_is_an_ordinary_request(
    application: Application, client: Client
) -> None:
    application.says(OK)
    client.says(*REQUEST, b"Connection: upgrade", b"Upgrade: irc/6.9", b"")
    await client.hears(OK)
    assert b"Upgrade: irc/6.9\r\n" in application.heard
    application.says(OK)
    client.says(*REQUEST, b"")
    await client.hears(OK)


async def test_an_application_that_closes_after_its_answer(application: Application, client: Client) -> None:
    """That concerns its own connection: the client keeps the one it has."""
    for _ in range(3):
        application.says(CLOSING)
        client.says(*REQUEST, b"")
        await client.hears(OK)
