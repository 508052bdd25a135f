"""Control over gRPC: the handshake of versions, the figures in the header of every screen, and the checks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from meshcore.wire import control_pb2, control_pb2_grpc
from meshcore.wire.version import OLDEST, PROTOCOL, VERSION

if TYPE_CHECKING:
    from meshcore.wire.control_pb2_grpc import _ServicerContext as Context

INTERVAL_S = 1.0
LEAST_S = 0.1


class Control(control_pb2_grpc.ControlServicer):
    """The control plane about itself; figures and checks are asked for when a question comes."""

    def __init__(
        self,
        mesh: str,
        *,
        status: Callable[[], control_pb2.StatusResponse],
        check: Callable[[], control_pb2.CheckResponse],
    ) -> None:
        self._mesh = mesh
        self._status = status
        self._check = check

    async def Hello(self, request: control_pb2.HelloRequest, context: "Context") -> control_pb2.HelloResponse:
        return control_pb2.HelloResponse(
            version=VERSION, protocol=PROTOCOL, oldest_protocol=OLDEST, mesh=self._mesh, home="local"
        )

    async def Status(self, request: control_pb2.StatusRequest, context: "Context") -> control_pb2.StatusResponse:
        return self._status()

    async def WatchStatus(
        self, request: control_pb2.StatusRequest, context: "Context"
    ) -> AsyncIterator[control_pb2.StatusResponse]:
        pause = max(LEAST_S, request.interval_ms / 1000 or INTERVAL_S)
        while True:
            yield self._status()
            await asyncio.sleep(pause)

    async def Check(self, request: control_pb2.CheckRequest, context: "Context") -> control_pb2.CheckResponse:
        return self._check()
