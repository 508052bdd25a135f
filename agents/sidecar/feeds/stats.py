"""Counters out: drained once a second, pushed on one stream, told again where the other end has not counted them.

The drain goes on whether or not the control plane is there. On each new stream the control plane's first ack says from
which report to go on; it answers from what it still holds, so nothing is lost by a restart and nothing counts twice.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable

from agents.sidecar.feeds.call import Call
from agents.sidecar.feeds.ledger import Ledger, Stream
from agents.sidecar.feeds.line import Line
from agents.sidecar.feeds.uplink import Uplink, beside
from agents.sidecar.state.counters import Counters
from agents.sidecar.state.event import peer
from agents.sidecar.state.peers import Peer
from meshcore.wire import discovery_pb2, stats_pb2

INTERVAL_S = 1.0


class Stats:
    """The stats feed of one sidecar."""

    def __init__(
        self,
        me: Peer,
        boot_id: str,
        counters: Counters,
        status: Callable[[], discovery_pb2.ProxyStatus],
        uplink: Uplink,
        log: logging.Logger,
        interval_s: float = INTERVAL_S,
        gather: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._me = me
        self._boot_id = boot_id
        self._counters = counters
        self._status = status
        self._uplink = uplink
        self._log = log
        self._interval = interval_s
        self._gather = gather  # has the counts of the sidecar's other processes added
        self._ledger = Ledger()
        self._fresh = asyncio.Condition()
        self._latest = b""  # the newest status, serialised as a StatsReport
        self.acked = 0

    async def drain(self) -> None:
        """Drain the counters once an interval, for ever.

        All sidecars do so on the same beat of the wall clock, so that the two ends of a hop count a request in the
        same second.
        """
        while True:
            # A timer may fire a little early: half an interval is the least that a drain covers.
            beat = time.time() / self._interval
            await asyncio.sleep((math.floor(beat + 1.5) - beat) * self._interval)
            await self.flush()

    async def flush(self) -> None:
        """Drain the counters now."""
        if self._gather is not None:
            await self._gather()
        self._ledger.add(self._counters.drain(), int(time.time() * 1000))
        self._latest = stats_pb2.StatsReport(status=self._status()).SerializeToString()
        async with self._fresh:
            self._fresh.notify_all()

    async def settle(self, limit_s: float) -> None:
        """Flush, and wait until the control plane has counted all of it; for the end of a process."""
        await self.flush()
        try:
            async with asyncio.timeout(limit_s), self._fresh:
                await self._fresh.wait_for(lambda: self.acked >= self._ledger.last_seq)
        except TimeoutError:
            self._log.warning("the last %d counter reports were not acknowledged", self._ledger.last_seq - self.acked)

    async def push(self, line: Line) -> None:
        """Push reports; a session for Uplink.keep."""
        hello = stats_pb2.StatsHello(self=peer(self._me), boot_id=self._boot_id, oldest_seq=self._ledger.oldest_seq)
        async with line.call("/meshtui.v1.Stats/Push", stats_pb2.StatsAck) as call:
            await call.write(stats_pb2.StatsReport(hello=hello).SerializeToString())
            first = await anext(call, None)
            if first is None:
                return
            self._uplink.heard("stats")
            self.acked = first.seq
            async with beside(call, self._send(call, min(first.seq, self._ledger.last_seq))):
                async for ack in call:
                    self.acked = ack.seq
                    async with self._fresh:
                        self._fresh.notify_all()

    async def _send(self, call: Call[stats_pb2.StatsAck], seq: int) -> None:
        stream = Stream()
        while True:
            for report in self._ledger.since(seq):
                seq = report.seq
                last = seq == self._ledger.last_seq
                await call.write(stream.encode(report, self._latest if last else b""))
            async with self._fresh:
                while self._ledger.last_seq <= seq:
                    await self._fresh.wait()
