"""Questions to the control plane about itself: how it is, and what it finds wrong."""

from collections.abc import AsyncIterator

from meshcore.client.channel import ASK_S, Session
from meshcore.wire import control_pb2


async def status(session: Session) -> control_pb2.StatusResponse:
    """Return the control plane's figures about itself and the whole mesh."""
    return await session.ask(session.control.Status(control_pb2.StatusRequest(), timeout=ASK_S))


def watch_status(session: Session, interval_ms: int = 1000) -> AsyncIterator[control_pb2.StatusResponse]:
    """Yield the same, again and again."""
    return session.watch(session.control.WatchStatus(control_pb2.StatusRequest(interval_ms=interval_ms)))


async def check(session: Session) -> control_pb2.CheckResponse:
    """Return the checks that only the control plane can make."""
    return await session.ask(session.control.Check(control_pb2.CheckRequest(), timeout=ASK_S))
