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
    """The control plane about itself; `status` (of a namespace, or of all) and `check` are called as questions come."""

    def __init__(
        self,
        mesh: str,
        *,
        home: str = "local",
        status: Callable[[str], control_pb2.StatusResponse],
        check: Callable[[], control_pb2.CheckResponse],
    ) -> None:
        self.hello = control_pb2.HelloResponse(
            version=VERSION, protocol=PROTOCOL, oldest_protocol=OLDEST, mesh=mesh, home=home
        )
        self._status = status
        self._check = check

    async def Hello(self, request: control_pb2.HelloRequest, context: "Context") -> control_pb2.HelloResponse:
        return self.hello

    async def Status(self, request: control_pb2.StatusRequest, context: "Context") -> control_pb2.StatusResponse:
        return self._status(request.namespace)

    async def WatchStatus(
        self, request: control_pb2.StatusRequest, context: "Context"
    ) -> AsyncIterator[control_pb2.StatusResponse]:
        pause = max(LEAST_S, request.interval_ms / 1000 or INTERVAL_S)
        while True:
            yield self._status(request.namespace)
            await asyncio.sleep(pause)

    async def Check(self, request: control_pb2.CheckRequest, context: "Context") -> control_pb2.CheckResponse:
        return self._check()
