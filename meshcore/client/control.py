"""Questions to the control plane about itself: how it is, and what it finds wrong."""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, cast

from meshcore.client.channel import ASK_S, Session
from meshcore.client.failure import ClientError
from meshcore.wire import control_pb2


async def status(session: Session) -> control_pb2.StatusResponse:
    """Return the control plane's figures about itself and the whole mesh, or as much of it as the asker may see."""
    try:
        return await session.ask(session.control.Status(control_pb2.StatusRequest(), timeout=ASK_S))
    except ClientError as error:
        if not _narrower(session, error):
            raise
    request = control_pb2.StatusRequest(namespace=session.namespace)
    return await session.ask(session.control.Status(request, timeout=ASK_S))


async def watch_status(
    session: Session, interval_ms: int = 1000, *, narrowed: Callable[[str], None] = lambda namespace: None
) -> AsyncIterator[control_pb2.StatusResponse]:
    """Yield the same, again and again; `narrowed` hears before which namespace it is of, "" of them all."""
    request = control_pb2.StatusRequest(interval_ms=interval_ms)
    try:
        async with aclosing(cast("Any", session.watch(session.control.WatchStatus(request)))) as answers:
            async for answer in answers:
                narrowed("")
                yield answer
    except ClientError as error:
        if not _narrower(session, error):
            raise
    request.namespace = session.namespace
    narrowed(session.namespace)
    async with aclosing(cast("Any", session.watch(session.control.WatchStatus(request)))) as answers:
        async for answer in answers:
            yield answer


async def check(session: Session) -> control_pb2.CheckResponse:
    """Return the checks that only the control plane can make."""
    return await session.ask(session.control.Check(control_pb2.CheckRequest(), timeout=ASK_S))


def _narrower(session: Session, error: ClientError) -> bool:
    """Tell whether somebody who may not see the whole mesh may see a namespace."""
    return error.code == "permission_denied" and bool(session.namespace)
