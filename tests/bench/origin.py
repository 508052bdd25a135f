"""The application behind the proxies: as light as it can be, HTTP/1.1 on one port and gRPC on another.

`python -m tests.bench.origin HTTP_PORT GRPC_PORT`. It answers the loads of tests/bench/load and nothing else.
"""

import asyncio
import sys

import uvloop

from agents.sidecar.engine.http2.connection import SERVER, Connection
from agents.sidecar.engine.http2.limits import APPLICATION
from tests.bench.load import REPLY

BODY = b"x" * 100
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)
HEAD = [(b":status", b"200", False), (b"content-type", b"application/grpc", False)]
TRAILERS = [(b"grpc-status", b"0", False)]


class Http1(asyncio.Protocol):
    """Answers each head that ends; requests have no body."""

    def connection_made(self, transport):
        self.transport = transport
        self.tail = b""

    def data_received(self, data):
        data = self.tail + data
        heads = data.count(b"\r\n\r\n")
        self.tail = data[data.rfind(b"\r\n\r\n") + 4 :] if heads else data
        self.transport.write(ANSWER * heads)


class Grpc(asyncio.Protocol):
    """Answers each unary call when its request has ended; it is handler and sink of its own connection."""

    def connection_made(self, transport):
        self.transport = transport
        self.loop = asyncio.get_running_loop()
        self.h2 = Connection(SERVER, self, APPLICATION)
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
        if end:
            self.answer(stream)

    def on_data(self, stream, data, end):
        stream.consumed(len(data))
        if end:
            self.answer(stream)

    def answer(self, stream):
        stream.send_headers(HEAD)
        stream.send_data(REPLY)
        stream.send_trailers(TRAILERS)

    def nothing(self, *_):
        """What else a connection tells is of no interest here."""

    on_hello = on_settings = on_room = on_goaway = on_trailers = on_reset = on_drained = nothing

    def on_failure(self, code, reason):
        self.flush()
        self.transport.close()


async def serve(http_port: int, grpc_port: int) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_server(Http1, "127.0.0.1", http_port, backlog=1024)
    await loop.create_server(Grpc, "127.0.0.1", grpc_port, backlog=1024)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
