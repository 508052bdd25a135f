"""Tells the control plane what runs here, on one stream that is opened again whenever it breaks.

Each message replaces the last, so nothing needs to be remembered across a restart of either side.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, cast

from agents.launcher.state import State, message
from meshcore.client.channel import Session
from meshcore.client.failure import ClientError
from meshcore.wire.discovery_pb2 import LauncherReport

if TYPE_CHECKING:
    import grpc

    from meshcore.wire.discovery_pb2 import LauncherReply

RETRY_S = 0.25
GATHER_S = 0.05  # changes that come together go together


class Reporter:
    """One launcher's stream of reports."""

    def __init__(self, session: Session, launcher: str, states: Callable[[], list[State]]) -> None:
        self._session = session
        self._launcher = launcher
        self._states = states
        self._changed = asyncio.Event()

    def changed(self) -> None:
        self._changed.set()

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            # A stream of replies is read alike, whatever the requests were.
            call = cast(
                "grpc.aio.UnaryStreamCall[object, LauncherReply]", self._session.inventory.Report(self._reports())
            )
            with contextlib.suppress(ClientError):
                async for _ in self._session.watch(call):
                    continue
            await asyncio.sleep(RETRY_S)

    async def _reports(self) -> AsyncIterator[LauncherReport]:
        while True:
            self._changed.clear()
            yield LauncherReport(launcher=self._launcher, instances=[message(state) for state in self._states()])
            await self._changed.wait()
            await asyncio.sleep(GATHER_S)
