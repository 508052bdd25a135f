"""gRPC for the demo's services: calls and handlers straight from the descriptors, a server with health.

Used by emoji, voting and web; there are no generated service stubs, since a hundred alike rpcs need none.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from operator import methodcaller
from types import ModuleType
from typing import Any

import grpc
from google.protobuf import message_factory
from google.protobuf.message import Message

Method = Callable[[Any, grpc.aio.ServicerContext], Awaitable[Message]]

# grpc.health.v1.HealthCheckResponse{status: SERVING}, as bytes: too little for a dependency.
SERVING = b"\x08\x01"


def calls(channel: grpc.aio.Channel, module: ModuleType, service: str) -> dict[str, grpc.aio.UnaryUnaryMultiCallable]:
    """Return the calls of a service by the names of its rpcs."""
    found = module.DESCRIPTOR.services_by_name[service]
    return {
        method.name: channel.unary_unary(
            f"/{found.full_name}/{method.name}",
            request_serializer=message_factory.GetMessageClass(method.input_type).SerializeToString,
            response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
        )
        for method in found.methods
    }


def handlers(module: ModuleType, service: str, methods: dict[str, Method]) -> grpc.GenericRpcHandler:
    """Return the handler of a service whose rpcs are these methods."""
    found = module.DESCRIPTOR.services_by_name[service]
    return grpc.method_handlers_generic_handler(
        found.full_name,
        {
            name: grpc.unary_unary_rpc_method_handler(
                method,
                request_deserializer=message_factory.GetMessageClass(found.methods_by_name[name].input_type).FromString,
                response_serializer=methodcaller("SerializeToString"),
            )
            for name, method in methods.items()
        },
    )


async def serve(port: int, handler: grpc.GenericRpcHandler) -> None:
    """Serve on LISTEN (the loopback) until told to end; then finish what is under way."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((handler, _health()))
    server.add_insecure_port(f"{os.environ.get('LISTEN', '127.0.0.1')}:{port}")
    await server.start()
    await ended()
    await server.stop(2)


async def ended() -> None:
    """Wait for SIGTERM or SIGINT."""
    event = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, event.set)
    await event.wait()


def _health() -> grpc.GenericRpcHandler:
    async def check(_request: bytes, _context: grpc.aio.ServicerContext) -> bytes:
        return SERVING

    return grpc.method_handlers_generic_handler(
        "grpc.health.v1.Health", {"Check": grpc.unary_unary_rpc_method_handler(check)}
    )
