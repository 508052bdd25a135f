"""Taps: orders in, events out, in batches. What does not fit was counted by state/taps, and the count goes out too."""

import asyncio
import contextlib
import logging

from agents.sidecar.feeds.call import Call
from agents.sidecar.feeds.line import Line
from agents.sidecar.feeds.uplink import Uplink, beside
from agents.sidecar.state.event import peer
from agents.sidecar.state.peers import Peer
from agents.sidecar.state.taps import Taps
from meshcore.wire import tap_pb2

BATCH_S = 0.1  # events wait so long for company
BATCH = 500
QUIET_S = 1.0  # losses are told this often even when no event is


class Tap:
    """The tap feed of one sidecar."""

    def __init__(self, me: Peer, boot_id: str, taps: Taps, uplink: Uplink, log: logging.Logger) -> None:
        self._hello = tap_pb2.TapReport(hello=tap_pb2.TapHello(self=peer(me), boot_id=boot_id))
        self._taps = taps
        self._uplink = uplink
        self._log = log
        self._waiting = asyncio.Event()
        taps.wake = self._waiting.set

    async def attach(self, line: Line) -> None:
        """Take orders and deliver events; a session for Uplink.keep."""
        try:
            async with line.call("/meshtui.v1.Tap/Attach", tap_pb2.TapOrder) as call:
                await call.write(self._hello.SerializeToString())
                self._uplink.up.add("tap")
                async with beside(call, self._deliver(call)):
                    async for order in call:
                        refused = self._taps.order(order)
                        if refused:
                            self._log.warning("tap %d cannot match: %s", order.id, refused)
        finally:
            # The orders were this control plane's; it, or the next, gives them again.
            self._taps.clear()

    async def _deliver(self, call: Call[tap_pb2.TapOrder]) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(QUIET_S):
                    await self._waiting.wait()
                    await asyncio.sleep(BATCH_S)
            self._waiting.clear()
            events, dropped = self._taps.take()
            if not events and not dropped:
                continue
            for start in range(0, max(1, len(events)), BATCH):
                report = tap_pb2.TapReport(events=events[start : start + BATCH], dropped=dropped)
                await call.write(report.SerializeToString())
                dropped = 0
