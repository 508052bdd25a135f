"""One open connection to a mesh's control plane, with a stub per question it answers.

Sources, commands and the launcher open a Session and pass it to the typed questions beside this file. The
connection heals itself: a control plane that was killed is noticed at once, one that hangs within three seconds,
and one that is back is found within one. What a failure means to a person is `failure`'s; where a mesh lives is
`place`'s.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import grpc

from meshcore.client.api import ApiChannel, Call, Fetch
from meshcore.client.failure import ClientError, closed, explain
from meshcore.client.place import Place
from meshcore.wire import (
    control_pb2,
    control_pb2_grpc,
    discovery_pb2_grpc,
    identity_pb2_grpc,
    stats_pb2_grpc,
    tap_pb2_grpc,
    version,
)

if TYPE_CHECKING:
    from meshcore.wire.control_pb2_grpc import ControlAsyncStub
    from meshcore.wire.discovery_pb2_grpc import InventoryAsyncStub
    from meshcore.wire.identity_pb2_grpc import LocalIdentityAsyncStub
    from meshcore.wire.stats_pb2_grpc import StatsQueryAsyncStub
    from meshcore.wire.tap_pb2_grpc import TapQueryAsyncStub

Question = TypeVar("Question")
Answer = TypeVar("Answer")

HELLO_S = 3.0  # how long the first answer may take
ASK_S = 10.0  # how long any later one may
RETRY_S = 0.25

OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.keepalive_time_ms", 1000),
    ("grpc.http2.ping_timeout_ms", 2000),  # a machine may be busy
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.bdp_probe", 0),  # its ping would hold back those that notice a control plane that hangs
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.use_local_subchannel_pool", 1),  # another session's back-off is not ours
    ("grpc.enable_http_proxy", 0),  # the workloads' http_proxy is no way to the control plane
    ("grpc.max_receive_message_length", 64 << 20),
)


@dataclass(frozen=True, slots=True)
class Session:
    """A control plane that has said hello."""

    where: str
    hello: control_pb2.HelloResponse
    control: "ControlAsyncStub"
    stats: "StatsQueryAsyncStub"
    tap: "TapQueryAsyncStub"
    inventory: "InventoryAsyncStub"
    identity: "LocalIdentityAsyncStub"
    namespace: str = ""  # of a cluster's user: where those may look who may not look everywhere

    async def ask(self, call: grpc.aio.UnaryUnaryCall[Question, Answer]) -> Answer:
        """Return the answer of a call; raises ClientError."""
        try:
            return await call
        except grpc.aio.AioRpcError as error:
            raise explain(error, self.where) from None
        except asyncio.CancelledError:
            if cancelled():
                raise
            raise closed(self.where) from None

    async def watch(
        self, call: grpc.aio.UnaryStreamCall[Question, Answer], *, endless: bool = True
    ) -> AsyncIterator[Answer]:
        """Yield the messages of a call and cancel it when the reader goes; raises ClientError.

        The end of an `endless` stream is a failure too: the control plane stopped.
        """
        try:
            async for message in call:
                yield message
        except grpc.aio.AioRpcError as error:
            raise explain(error, self.where) from None
        except asyncio.CancelledError:
            if cancelled():
                raise
            raise closed(self.where) from None
        finally:
            call.cancel()
            if isinstance(call, Call):
                await call.aclose()
        if endless:
            raise closed(self.where)


@asynccontextmanager
async def open_session(place: Place | Path | str, *, wait: float = 0.0) -> AsyncIterator[Session]:
    """Open a Session to a mesh, by its place or its socket; raises ClientError.

    With `wait`, a control plane that is just starting has so many seconds to answer; one that a living launcher
    looks after may be starting again, and has a few in any case.
    """
    if isinstance(place, Place) and place.alive():  # noqa: ASYNC240 - tries a lock, never waits for it
        wait = max(wait, HELLO_S)
    socket = place.socket if isinstance(place, Place) else Path(place)
    where = str(socket)
    async with grpc.aio.insecure_channel(f"unix:{socket.absolute()}", options=OPTIONS) as channel:
        yield await _session(channel, where, wait=wait)


async def open_api(fetch: Fetch, where: str, *, namespace: str = "") -> Session:
    """Return a Session to the mesh of a cluster through its API server; raises ClientError.

    `namespace` is where a user who may not look everywhere looks. There is nothing to close but what `fetch` needs.
    """
    return await _session(ApiChannel(fetch), where, namespace=namespace)


async def follow(start: Callable[[], AsyncIterator[Answer]]) -> AsyncIterator[Answer | ClientError]:
    """Yield what `start()` yields, for ever: where the control plane is lost, say so once and go on when it is back."""
    lost = False
    while True:
        try:
            async for message in start():
                lost = False
                yield message
        except ClientError as error:
            if not error.lost:
                raise
            if not lost:
                lost = True
                yield error
        else:
            return
        await asyncio.sleep(RETRY_S)


async def _session(channel: Any, where: str, *, wait: float = 0.0, namespace: str = "") -> Session:
    control: ControlAsyncStub = control_pb2_grpc.ControlStub(channel)
    return Session(
        where,
        await _greet(control, where, wait),
        control,
        stats_pb2_grpc.StatsQueryStub(channel),
        tap_pb2_grpc.TapQueryStub(channel),
        discovery_pb2_grpc.InventoryStub(channel),
        identity_pb2_grpc.LocalIdentityStub(channel),
        namespace,
    )


async def _greet(control: "ControlAsyncStub", where: str, wait: float) -> control_pb2.HelloResponse:
    request = control_pb2.HelloRequest(version=version.VERSION, protocol=version.PROTOCOL)
    try:
        hello = await control.Hello(request, timeout=max(wait, HELLO_S), wait_for_ready=wait > 0)
    except grpc.aio.AioRpcError as error:
        raise explain(error, where) from None
    reason = version.skew(version.PROTOCOL, hello.protocol, hello.oldest_protocol, hello.version)
    if reason:
        message, _, step = reason.rpartition("; ")
        raise ClientError(message, step, code="version")
    return hello


def cancelled() -> bool:
    """Tell our own cancellation from a server's: grpc.aio raises CancelledError for both."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
