"""Servers that know of no mesh: gRPC, a TCP echo on several ports, with TLS too, and one that speaks first.

Each echo tells whom it saw, so that a test knows which way a connection came. Runs inside a namespace.
"""

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator
from functools import partial

import grpc.aio

GRPC, ECHO, SKIPPED_IN, SKIPPED_OUT, SECURE, GREETER = 9090, 7000, 9000, 9001, 8443, 3306


async def echo(name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    data = await reader.read()
    writer.write(b"%s: %s from %s" % (name.encode(), data, writer.get_extra_info("peername")[0].encode()))
    writer.close()


async def greet(name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(f"{name} greets".encode())
    writer.close()


async def say(name: str, request: bytes, context: object) -> bytes:
    return name.encode() + b": " + request


async def chat(requests: AsyncIterator[bytes], context: object) -> AsyncIterator[bytes]:
    async for request in requests:
        yield request


async def main(name: str, certificate: str) -> None:
    handlers = {
        "Say": grpc.unary_unary_rpc_method_handler(partial(say, name)),
        "Chat": grpc.stream_stream_rpc_method_handler(chat),
    }
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", handlers),))
    server.add_insecure_port(f"[::]:{GRPC}")
    await server.start()
    secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    secure.load_cert_chain(certificate)
    for host in ("0.0.0.0", "::"):
        for port in (ECHO, SKIPPED_IN, SKIPPED_OUT):
            await asyncio.start_server(partial(echo, name), host, port)
        await asyncio.start_server(partial(greet, name), host, SECURE, ssl=secure)
        await asyncio.start_server(partial(greet, name), host, GREETER)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
