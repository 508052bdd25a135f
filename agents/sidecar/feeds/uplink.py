"""The uplink: one connection to the control plane under mutual TLS, and the loop that keeps streams on it.

Feeds hand a session to `keep`, which runs it for ever: a session that ends, for whatever reason, begins again after a
pause. When the certificate changes, whatever begins later gets a new connection; streams that are open stay where they
are until they end, so that nothing is torn down for a renewal.
"""

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from agents.sidecar.feeds.call import Call, RpcError
from agents.sidecar.feeds.line import Line, connect
from meshcore.backoff import Backoff

Session = Callable[[Line], Awaitable[None]]

RETRY_S = 0.1  # before the control plane is asked again, doubled up to
RETRY_LIMIT_S = 2.0


@contextlib.asynccontextmanager
async def beside(call: Call[Any], work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work`, the writing half of a call, as long as the block, its reading half; each ends the other."""
    task = asyncio.get_running_loop().create_task(work)
    task.add_done_callback(lambda _: call.cancel())
    try:
        yield
    finally:
        task.cancel()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(outcome, Exception) and not isinstance(outcome, RpcError):
            raise outcome


class Uplink:
    """The current connection; none until the first certificate is there."""

    def __init__(self, address: str, name: str, log: logging.Logger) -> None:
        self._address = address
        self._name = name
        self._log = log
        self._secured: ssl.SSLContext | None = None
        self._ready = asyncio.Event()
        self._line: Line | None = None
        self._sessions: dict[Line, int] = {}
        self._connecting: asyncio.Task[Line] | None = None
        self._lost = False
        self.up: set[str] = set()  # names of the sessions that have heard from the control plane

    def renew(self, secured: ssl.SSLContext) -> None:
        """Use this certificate, and these anchors, for whatever begins from now on."""
        self._secured = secured
        old, self._line = self._line, None
        self._connecting = None
        self._ready.set()
        if old is not None:
            self._dispose(old)

    async def keep(self, name: str, session: Session) -> None:
        """Run a session again and again, until cancelled."""
        backoff = Backoff(RETRY_S, RETRY_LIMIT_S)
        told = ""
        while True:
            began = time.monotonic()
            try:
                async with self.lease() as line:
                    await session(line)
                reason = "the control plane ended it"
            except RpcError as error:
                reason = str(error)
                if error.code == "UNAVAILABLE":
                    self._miss(error.details)
                    reason = told  # one line for all sessions
            except Exception:  # noqa: BLE001 - one bad message must not end a feed for ever
                reason = "failed"
                self._log.exception("session %s failed", name)
            self.up.discard(name)
            if reason != told:
                told = reason  # and one line for each reason, not for each attempt
                self._log.warning("%s: %s", name, reason)
            await asyncio.sleep(backoff.after(time.monotonic() - began))

    def heard(self, name: str) -> None:
        """A session has heard from the control plane."""
        self.up.add(name)
        if self._lost:
            self._lost = False
            self._log.warning("the control plane is back")

    def _miss(self, reason: str) -> None:
        if not self._lost:
            self._lost = True
            self._log.warning("no control plane, going on with what is known: %s", reason)

    @contextlib.asynccontextmanager
    async def lease(self) -> AsyncIterator[Line]:
        """Lend a connection; it stays open until given back, even if a newer one takes its place."""
        await self._ready.wait()
        line = self._line
        if line is None or not line.usable:
            line = await self._connect()
        self._sessions[line] = self._sessions.get(line, 0) + 1
        try:
            yield line
        finally:
            self._sessions[line] -= 1
            if line is not self._line:
                self._dispose(line)

    def close(self) -> None:
        """Close what is open."""
        for line in {*self._sessions, *filter(None, [self._line])}:
            line.close()

    async def _connect(self) -> Line:
        """Open a connection, one for all who ask at the same time."""
        connecting = self._connecting
        if connecting is None:
            assert self._secured is not None
            opening = connect(self._address, self._name, self._secured)
            connecting = self._connecting = asyncio.get_running_loop().create_task(opening)
            connecting.add_done_callback(self._connected)
        return await asyncio.shield(connecting)

    def _connected(self, done: "asyncio.Task[Line]") -> None:
        if done.cancelled() or done.exception() is not None:
            if done is self._connecting:
                self._connecting = None
        elif done is self._connecting:
            self._connecting = None
            old, self._line = self._line, done.result()
            if old is not None:
                self._dispose(old)
        else:
            # A renewal overtook it: it serves those who waited for it, if any still do.
            asyncio.get_running_loop().call_later(1.0, self._dispose, done.result())

    def _dispose(self, line: Line) -> None:
        """Close a connection that nobody is on."""
        if not self._sessions.get(line):
            self._sessions.pop(line, None)
            line.close()
