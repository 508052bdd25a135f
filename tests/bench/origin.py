"""The application behind the proxies, as light as it can be: a port for each kind of traffic.

`python -m tests.bench.origin http=PORT bare=PORT grpc=PORT websocket=PORT tcp=PORT`. It answers tests/bench/words and
nothing else.
"""

import asyncio
import re
import sys
from functools import cache
from typing import cast

import uvloop

from agents.sidecar.engine.http2.connection import SERVER, Connection
from agents.sidecar.engine.http2.fields import Fields
from agents.sidecar.engine.http2.limits import APPLICATION
from agents.sidecar.engine.http2.stream import Stream
from tests.bench import words
from tests.bench.rows import BARE

HEAD: Fields = [(b":status", b"200", False), (b"content-type", b"application/grpc", False)]
TRAILERS: Fields = [(b"grpc-status", b"0", False)]
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Side(asyncio.Protocol):
    """The origin's side of one connection."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)


class Http1(Side):
    """Answers each request when it has ended: one with a body with as much, one without with a few bytes."""

    def __init__(self) -> None:
        self.head = b""
        self.left = self.size = 0

    def data_received(self, data: bytes) -> None:
        while data:
            if self.left:
                taken = min(self.left, len(data))
                self.left -= taken
                data = data[taken:]
            else:
                head, found, data = (self.head + data).partition(b"\r\n\r\n")
                if not found:
                    self.head = head
                    return
                self.head = b""
                length = _LENGTH.search(head)
                self.left = self.size = int(length[1]) if length else 0
            if not self.left:
                self.transport.write(answer(self.size))


@cache
def answer(size: int) -> bytes:
    """Return the answer to a request with such a body; a run has two or three sizes."""
    return words.http_answer(size)


class WebSocket(Side):
    """Upgrades, then answers each frame."""

    def __init__(self) -> None:
        self.tail = b""
        self.upgraded = False

    def data_received(self, data: bytes) -> None:
        data = self.tail + data
        if not self.upgraded:
            _, found, rest = data.partition(b"\r\n\r\n")
            if not found:
                self.tail = data
                return
            self.upgraded = True
            self.transport.write(words.UPGRADED)
            data = rest
        size = len(words.ASK_FRAME)
        count = len(data) // size
        if data[: count * size] != words.ASK_FRAME * count:
            self.transport.abort()
            return
        self.tail = data[count * size :]
        if count:
            self.transport.write(words.ECHO_FRAME * count)


class Echo(Side):
    """Sends back what comes; a client that does not read is not read from."""

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def pause_writing(self) -> None:
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.transport.resume_reading()


class Grpc(Side):
    """Answers a unary call when its request has ended, a stream message by message; handler and sink in one."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.loop = asyncio.get_running_loop()
        self.h2 = Connection(SERVER, self, APPLICATION)
        self.asked: dict[int, int] = {}  # of open streams: the bytes of the message that is coming
        self.h2.start()

    def data_received(self, data: bytes) -> None:
        self.h2.receive(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.h2.lost()

    def wake(self) -> None:
        self.loop.call_soon(self.flush)

    def flush(self) -> None:
        data = self.h2.take_output()
        if data and not self.transport.is_closing():
            self.transport.write(data)

    def on_stream(self, stream: Stream, headers: Fields, fields: dict[bytes, bytes], end: bool) -> None:
        stream.sink = self
        if fields[b":path"] == words.STREAM.encode():
            self.asked[stream.id] = 0
            stream.send_headers(HEAD)
        elif end:
            self.answer(stream)

    def on_data(self, stream: Stream, data: bytes, end: bool) -> None:
        stream.consumed(len(data))
        if stream.id in self.asked:
            count, self.asked[stream.id] = divmod(self.asked[stream.id] + len(data), len(words.REQUEST))
            if count:
                stream.send_data(words.REPLY * count)
            if end:
                del self.asked[stream.id]
                stream.send_trailers(TRAILERS)
        elif end:
            self.answer(stream)

    def answer(self, stream: Stream) -> None:
        stream.send_headers(HEAD)
        stream.send_data(words.REPLY)
        stream.send_trailers(TRAILERS)

    def on_reset(self, stream: Stream, code: int) -> None:
        self.asked.pop(stream.id, None)

    def nothing(self, *_: object) -> None:
        """What else a connection tells is of no interest here."""

    on_headers = on_oversized = on_excess = on_hello = on_settings = on_room = on_goaway = on_trailers = on_drained = (
        nothing
    )

    def on_failure(self, code: int, reason: str) -> None:
        self.flush()
        self.transport.close()


KINDS = {"http": Http1, BARE: Http1, "grpc": Grpc, "websocket": WebSocket, "tcp": Echo}


async def serve(ports: dict[str, int]) -> None:
    loop = asyncio.get_running_loop()
    for kind, port in ports.items():
        await loop.create_server(KINDS[kind], "127.0.0.1", port, backlog=1024)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve({kind: int(port) for kind, _, port in (given.partition("=") for given in sys.argv[1:])}))
