"""The application behind the proxies, as light as it can be: a port for each kind of traffic.

`python -m tests.bench.origin http=PORT grpc=PORT websocket=PORT tcp=PORT`. It answers tests/bench/words and nothing
else.
"""

import asyncio
import re
import sys

import uvloop

from agents.sidecar.engine.http2.connection import SERVER, Connection
from agents.sidecar.engine.http2.limits import APPLICATION
from tests.bench import words

HEAD = [(b":status", b"200", False), (b"content-type", b"application/grpc", False)]
TRAILERS = [(b"grpc-status", b"0", False)]
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Http1(asyncio.Protocol):
    """Answers each request when it has ended: one with a body with as much, one without with a few bytes."""

    def connection_made(self, transport):
        self.transport = transport
        self.head = b""
        self.left = self.size = 0

    def data_received(self, data):
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


def answer(size: int, known={}) -> bytes:  # noqa: B006 - answers are made once; a run has two or three sizes
    if size not in known:
        known[size] = words.http_answer(size)
    return known[size]


class WebSocket(asyncio.Protocol):
    """Upgrades, then answers each frame."""

    def connection_made(self, transport):
        self.transport = transport
        self.tail = b""
        self.upgraded = False

    def data_received(self, data):
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


class Echo(asyncio.Protocol):
    """Sends back what comes; a client that does not read is not read from."""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)

    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


class Grpc(asyncio.Protocol):
    """Answers a unary call when its request has ended, a stream message by message; handler and sink in one."""

    def connection_made(self, transport):
        self.transport = transport
        self.loop = asyncio.get_running_loop()
        self.h2 = Connection(SERVER, self, APPLICATION)
        self.asked = {}  # of open streams: the bytes of the message that is coming
        self.h2.start()

    def data_received(self, data):
        self.h2.receive(data)

    def connection_lost(self, exc):
        self.h2.lost()

    def wake(self):
        self.loop.call_soon(self.flush)

    def flush(self):
        data = self.h2.take_output()
        if data and not self.transport.is_closing():
            self.transport.write(data)

    def on_stream(self, stream, headers, fields, end):
        stream.sink = self
        if fields[b":path"] == words.STREAM.encode():
            self.asked[stream.id] = 0
            stream.send_headers(HEAD)
        elif end:
            self.answer(stream)

    def on_data(self, stream, data, end):
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

    def answer(self, stream):
        stream.send_headers(HEAD)
        stream.send_data(words.REPLY)
        stream.send_trailers(TRAILERS)

    def on_reset(self, stream, code):
        self.asked.pop(stream.id, None)

    def nothing(self, *_):
        """What else a connection tells is of no interest here."""

    on_hello = on_settings = on_room = on_goaway = on_trailers = on_drained = nothing

    def on_failure(self, code, reason):
        self.flush()
        self.transport.close()


KINDS = {"http": Http1, "grpc": Grpc, "websocket": WebSocket, "tcp": Echo}


async def serve(ports: dict[str, int]) -> None:
    loop = asyncio.get_running_loop()
    for kind, port in ports.items():
        await loop.create_server(KINDS[kind], "127.0.0.1", port, backlog=1024)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve({kind: int(port) for kind, _, port in (given.partition("=") for given in sys.argv[1:])}))
