"""The corpus against two sidecars and an origin that reads whatever it can: what goes on is read in one way only.

Each case goes to the sidecar of the origin, as from a client without one, and through the pair. The origin keeps the
bytes it got, and `readings` reads them as the most lenient servers would, each in its own way.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

import pytest

from tests.peers.corpus import ACCEPTED, ANSWERS, BROKEN, REFUSED, Accepted, Refused
from tests.support.local import Local, free_port, inside

PORT = free_port()
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"


class Message(NamedTuple):
    """One request, as somebody reads it."""

    method: bytes
    target: bytes
    body: bytes


def read(raw: bytes, coding_first: bool, last_length: bool) -> tuple[list[Message], bytes]:
    """Return the requests in `raw`, and what is left: any line end, any space around names, any spelling of chunked."""
    messages = []
    while raw.strip(b"\r\n"):
        raw = raw.lstrip(b"\r\n")
        split = re.search(rb"\r?\n\r?\n", raw)
        if split is None:
            return messages, raw
        head, rest = raw[: split.start()], raw[split.end() :]
        lines = re.split(rb"\r\n|\n|\r(?!\n)", re.sub(rb"\r?\n[ \t]+", b" ", head))
        words = lines[0].split()
        fields: dict[bytes, list[bytes]] = {}
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            fields.setdefault(name.strip().lower(), []).append(value.strip(b" \t\r\n\x0b\x0c\0"))
        codings = fields.get(b"transfer-encoding", [])
        lengths = fields.get(b"content-length", [])
        if codings and b"chunked" in b",".join(codings).lower() and (coding_first or not lengths):
            body, ended, rest = _unchunk(rest)
            if not ended:
                return messages, raw
        else:
            found = re.findall(rb"\d+", lengths[-1 if last_length else 0]) if lengths else []
            length = int(found[0]) if found else 0
            if len(rest) < length:
                return messages, raw
            body, rest = rest[:length], rest[length:]
        messages.append(Message(words[0], words[1] if len(words) > 1 else b"", body))
        raw = rest
    return messages, b""


def _unchunk(raw: bytes) -> tuple[bytes, bool, bytes]:
    body = b""
    while (line := re.match(rb"\s*(?:0x)?([0-9a-fA-F]+)[^\n]*\n", raw)) is not None:
        size = int(line[1], 16)
        raw = raw[line.end() :]
        if size == 0:
            end = re.search(rb"(?:^|\n)\r?\n", raw)
            return body, end is not None, raw[end.end() :] if end else raw
        if len(raw) < size:
            break
        body, raw = body + raw[:size], raw[size:].lstrip(b"\r\n")
    return body, False, raw


def readings(raw: bytes) -> list[tuple[list[Message], bytes]]:
    """Return what each kind of server makes of `raw`."""
    return [read(raw, coding_first, last) for coding_first in (True, False) for last in (True, False)]


class Origin:
    """Keeps what comes, one request a connection; answers what it can read."""

    def __init__(self) -> None:
        self.connections: list[bytes] = []
        self.answer = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw = b""
        number = len(self.connections)
        self.connections.append(raw)
        while data := await reader.read(65536):
            raw += data
            self.connections[number] = raw
            messages, _ = read(raw, True, False)
            if messages:
                writer.write(self.answer or OK + (b"" if messages[0].method == b"HEAD" else b"ok"))
                break
        writer.close()


@pytest.fixture(scope="module")
def mesh() -> Iterator[Local]:
    with Local({"origin": inside(PORT)}) as mesh:
        yield mesh


@pytest.fixture
async def origin(mesh: Local) -> AsyncIterator[Origin]:
    origin = Origin()
    server = await asyncio.start_server(origin.serve, "127.0.0.1", PORT)
    yield origin
    server.close()


async def send(port: int, data: bytes, end: bytes = b"") -> bytes:
    """Send a case, and return all that comes back until `end`, or until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        return await asyncio.wait_for(reader.readuntil(end) if end else reader.read(), 30)
    except ConnectionResetError:
        return b"reset"
    except asyncio.IncompleteReadError as short:
        return short.partial
    finally:
        writer.close()


def ports(mesh: Local) -> tuple[int, int]:
    """Return where to send it: to the one sidecar, and through both."""
    return mesh.inbound("origin"), mesh.outbound("origin")


def told(case: Refused, answer: bytes) -> None:
    """See to it that a client was told what is wrong, once, and that it was the last word."""
    head = answer.partition(b"\r\n\r\n")[0] + b"\r\n"
    assert (answer[:12], reason(head)) == (f"HTTP/1.1 {case.status}".encode(), case.error), answer
    assert b"connection: close\r\n" in head.lower()
    assert answer.count(b"HTTP/1.1 ") == 1


def reason(head: bytes) -> str:
    found = re.search(rb"\r\nmeshtui-error: (\S+)\r\n", head)
    return found[1].decode() if found else ""


def test_the_corpus_is_large_enough() -> None:
    assert len(REFUSED) + len(BROKEN) + len(ACCEPTED) >= 150


@pytest.mark.parametrize("name", REFUSED)
async def test_refused(mesh: Local, origin: Origin, name: str) -> None:
    for port in ports(mesh):
        told(REFUSED[name], await send(port, REFUSED[name].data))
    assert origin.connections == []


@pytest.mark.parametrize("name", BROKEN)
async def test_broken(mesh: Local, origin: Origin, name: str) -> None:
    for port in ports(mesh):
        told(BROKEN[name], await send(port, BROKEN[name].data))
    for raw in origin.connections:
        assert [messages for messages, _ in readings(raw)] == [[]] * 4, raw


@pytest.mark.parametrize("name", ACCEPTED)
async def test_accepted(mesh: Local, origin: Origin, name: str) -> None:
    case: Accepted = ACCEPTED[name]
    wanted = Message(case.method, case.target, case.body)
    for port in ports(mesh):
        origin.connections.clear()
        answer = await send(port, case.data, OK[-4:] + b"ok")
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), (answer, origin.connections)
        assert len(origin.connections) == 1
        assert readings(origin.connections[0]) == [([wanted], b"")] * 4, origin.connections[0]


@pytest.mark.parametrize("name", ANSWERS)
async def test_answers(mesh: Local, origin: Origin, name: str) -> None:
    origin.answer = ANSWERS[name] or b"\r\n"
    for port in ports(mesh):
        answer = await send(port, b"GET / HTTP/1.1\r\nHost: origin\r\nConnection: close\r\n\r\n")
        if answer.startswith(b"HTTP/1.1 200 ") and not answer.endswith(b"\r\n0\r\n\r\n"):
            # Begun before it was known to be wrong: less than was announced, so the client knows.
            assert b"Content-Length: 50" in answer or b"chunked" in answer
            continue
        assert answer.startswith(b"HTTP/1.1 502 ") or answer == b"reset", answer
        assert b"hello" not in answer
