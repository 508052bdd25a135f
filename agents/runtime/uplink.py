"""The uplink: one gRPC channel to the control plane under mutual TLS, and the loop that keeps streams on it.

Feeds hand a session to `keep`, which runs it for ever: a session that ends, for whatever reason, begins again after a
pause. When the certificate changes a new channel is made; streams that are open stay where they are until they end, so
nothing is torn down for a renewal, and whatever begins later uses the new channel.
"""

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # child processes are started with vfork and exec only
os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what fails is told by whoever asked

import grpc
import grpc.aio

from agents.runtime.backoff import Backoff

Session = Callable[[grpc.aio.Channel], Awaitable[None]]
OPTIONS: tuple[tuple[str, int | str], ...] = (
    # gRPC's own pauses grow to two minutes; a control plane that has restarted should be found within seconds.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),  # a new certificate must not meet an old connection
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
)


def channel(
    address: str, name: str, anchors_pem: bytes, key_pem: bytes | None, chain_pem: bytes | None
) -> grpc.aio.Channel:
    """Return a channel to `address`, whose certificate must be for `name` and lead to one of the anchors."""
    credentials = grpc.ssl_channel_credentials(anchors_pem, key_pem, chain_pem)
    return grpc.aio.secure_channel(address, credentials, (*OPTIONS, ("grpc.ssl_target_name_override", name)))


@contextlib.asynccontextmanager
async def beside(call: Any, work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work`, the writing half of a call, as long as the block, its reading half; each ends the other."""
    task = asyncio.get_running_loop().create_task(work)
    task.add_done_callback(lambda _: call.cancel())
    try:
        yield
    finally:
        task.cancel()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(outcome, Exception) and not isinstance(outcome, grpc.aio.AioRpcError | asyncio.InvalidStateError):
            raise outcome


class _Leased:
    """A channel and how many sessions are on it."""

    def __init__(self, opened: grpc.aio.Channel) -> None:
        self.channel = opened
        self.sessions = 0
        self.retired = False


class Uplink:
    """The current channel; none until the first certificate is there."""

    def __init__(self, address: str, name: str, log: logging.Logger) -> None:
        self._address = address
        self._name = name
        self._log = log
        self._current: _Leased | None = None
        self._ready = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()
        self.up: set[str] = set()  # names of the sessions that have heard from the control plane

    def renew(self, anchors_pem: bytes, key_pem: bytes, chain_pem: bytes) -> None:
        """Use this certificate for whatever begins from now on."""
        old = self._current
        self._current = _Leased(channel(self._address, self._name, anchors_pem, key_pem, chain_pem))
        self._ready.set()
        if old is not None:
            old.retired = True
            self._dispose(old)

    async def keep(self, name: str, session: Session) -> None:
        """Run a session again and again, until cancelled."""
        backoff = Backoff()
        told = False
        while True:
            began = time.monotonic()
            reason = "ended"
            try:
                async with self.lease() as leased:
                    await session(leased)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                reason = "cancelled"  # the call, and not this loop
            except grpc.aio.AioRpcError as error:
                reason = f"{error.code().name}: {error.details()}"
            except Exception as error:  # noqa: BLE001 - one bad message must not end a feed for ever
                reason = f"{type(error).__name__}: {error}"
                self._log.exception("session %s failed", name)
            lived = time.monotonic() - began
            self.up.discard(name)
            # One line for each time that it is lost, not one for each attempt.
            self._log.log(logging.DEBUG if told and lived < 1.0 else logging.WARNING, "%s: %s", name, reason)
            told = True
            await asyncio.sleep(backoff.pause(lived))

    @contextlib.asynccontextmanager
    async def lease(self) -> AsyncIterator[grpc.aio.Channel]:
        """Lend the current channel; it stays open until given back, even if a newer one takes its place."""
        await self._ready.wait()
        leased = self._current
        assert leased is not None
        leased.sessions += 1
        try:
            yield leased.channel
        finally:
            leased.sessions -= 1
            if leased.retired:
                self._dispose(leased)

    async def close(self) -> None:
        """Close what is open."""
        if self._current is not None:
            await self._current.channel.close(None)
        for task in list(self._closing):
            await task

    def _dispose(self, leased: _Leased) -> None:
        if leased.sessions == 0:
            task = asyncio.get_running_loop().create_task(leased.channel.close(None))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
