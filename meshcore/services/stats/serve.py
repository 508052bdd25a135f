"""Stats over gRPC: what sidecars push.

The server puts one `Stats` on the mutual-TLS listener, over the Store that answer.py is over, too:

    Stats(store, caller=..., clock=time.time, on_status=...)      # on_status(peer, proxy status), once a second each

`caller(context)` is the SPIFFE ID that the peer certificate proves. What is counted is decided by the pure files beside
this one.
"""

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import grpc

from meshcore.services.stats.answer import refuse
from meshcore.services.stats.intake import Uplink
from meshcore.services.stats.store import Store
from meshcore.wire import common_pb2, discovery_pb2, stats_pb2, stats_pb2_grpc
from meshcore.wire.ids import SpiffeId

if TYPE_CHECKING:
    from meshcore.wire.stats_pb2_grpc import _ServicerContext as Context


class Stats(stats_pb2_grpc.StatsServicer):
    """Counts what sidecars push."""

    def __init__(
        self,
        store: Store,
        *,
        caller: "Callable[[Context], SpiffeId | None]",
        clock: Callable[[], float],
        on_status: Callable[[common_pb2.Peer, discovery_pb2.ProxyStatus], None],
    ) -> None:
        self._intake = store.intake
        self._journal = store.journal
        self._caller = caller
        self._clock = clock
        self._on_status = on_status

    async def Push(
        self, request_iterator: AsyncIterator[stats_pb2.StatsReport], context: "Context"
    ) -> AsyncIterator[stats_pb2.StatsAck]:
        """Count a sidecar's reports, and tell after each how far all that came before has been counted."""
        uplink: Uplink | None = None
        told = 0
        try:
            async for report in request_iterator:
                if uplink is None:
                    uplink = await self._open(report, context)
                    hello = report.hello
                    self._journal.opened(uplink)
                    yield stats_pb2.StatsAck(seq=uplink.boot.resume(hello.oldest_seq))
                    continue
                now = self._clock()
                top = uplink.take(report, now)
                self._journal.took(uplink, report)
                self._intake.tick(now)
                if report.HasField("status") and report.status.time_ms >= told:
                    told = report.status.time_ms
                    self._on_status(hello.self, report.status)
                yield stats_pb2.StatsAck(seq=top)
        finally:
            if uplink is not None:
                self._intake.close(uplink)
                self._journal.closed(uplink)

    async def _open(self, report: stats_pb2.StatsReport, context: "Context") -> Uplink:
        if not report.HasField("hello") or not report.hello.boot_id:
            await refuse(context, grpc.StatusCode.INVALID_ARGUMENT, "the first message of a stream must be its hello")
        me = report.hello.self
        proven = self._caller(context)
        if proven is None or (proven.namespace, proven.service_account) != (me.namespace, me.service_account):
            claim = f"{me.service_account}.{me.namespace}"
            await refuse(
                context,
                grpc.StatusCode.PERMISSION_DENIED,
                f"a sidecar of {claim} must prove that identity; its certificate says {proven or 'nothing'}",
            )
        me.identity = str(proven)
        return self._intake.open(report.hello, self._clock())
