"""Stats over gRPC: reports come in on Push, questions on StatsQuery.

The server puts one `Stats` on the mutual-TLS listener and one `StatsQuery` on the Unix socket, over one Store:

    store = open_store(file)                     # what the process before had counted is in it
    await store.keep(file)                       # beside the listeners, until cancelled
    Stats(store, caller=..., clock=time.time, on_status=...)      # on_status(peer, proxy status), once a second each
    StatsQuery(store, pods=..., services=..., clock=time.time, settle=...)
    rps, success = store.pulse(now); store.series; store.sidecars  # for Control.Status

`caller(context)` is the SPIFFE ID that the peer certificate proves, `pods()` the inventory as it is now, and
`services()` the (namespace, name) of every service, so that idle ones have a row. `settle` says that this is a
restart: the first answers then wait a little for the sidecars to tell again what the process before had counted.
`note()` says what of other replicas is missing. What is counted, and what is answered, is decided by the pure files
beside this one.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import grpc

from meshcore.client.failure import HINT
from meshcore.services.stats.edges import edges
from meshcore.services.stats.intake import Intake, Uplink
from meshcore.services.stats.journal import Journal
from meshcore.services.stats.keep import keep, load
from meshcore.services.stats.query import QueryError, check_names, check_namespace, pulse, stat
from meshcore.services.stats.ring import MAX_CELLS, Ring
from meshcore.services.stats.rollup import MAX_SERIES, Rollup
from meshcore.services.stats.roster import Roster
from meshcore.wire import common_pb2, discovery_pb2, stats_pb2, stats_pb2_grpc
from meshcore.wire.ids import SpiffeId

if TYPE_CHECKING:
    from meshcore.wire.stats_pb2_grpc import _ServicerContext as Context

INTERVAL_S = 1.0
LEAST_S = 0.1
PHASE_S = 0.2  # sidecars report at whole seconds: look a little later
SETTLE_S = (1.5, 3.0)  # how long answers wait for sidecars after a restart: at least, and at most
GRACE_S = 5.0  # how long after a start a name may still be unknown because nobody has reported yet

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Store:
    """All that was counted, and how far."""

    intake: Intake
    journal: Journal

    def pulse(self, now: float, namespace: str = "") -> tuple[float, float]:
        """Return requests per second and success of a namespace, or of the whole mesh, over the last ten seconds."""
        return pulse(self.intake.rollup, self.intake.watermark(now), namespace=namespace)

    async def keep(self, file: Path) -> NoReturn:
        """Write all counts to a file again and again, until cancelled."""
        await keep(self.intake, file)

    @property
    def series(self) -> int:
        return self.intake.rollup.series

    @property
    def sidecars(self) -> int:
        return self.intake.connected()


def open_store(file: Path | None = None, max_cells: int = MAX_CELLS, max_series: int = MAX_SERIES) -> Store:
    """Return a store with its memory bound; with a file, what `keep` last wrote there."""
    held = load(file, max_cells, max_series) if file is not None else None
    intake = held or Intake(Rollup(Ring(max_cells), max_series))
    return Store(intake, Journal(intake))


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
            await _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, "the first message of a stream must be its hello")
        me = report.hello.self
        proven = self._caller(context)
        if proven is None or (proven.namespace, proven.service_account) != (me.namespace, me.service_account):
            claim = f"{me.service_account}.{me.namespace}"
            await _refuse(
                context,
                grpc.StatusCode.PERMISSION_DENIED,
                f"a sidecar of {claim} must prove that identity; its certificate says {proven or 'nothing'}",
            )
        me.identity = str(proven)
        return self._intake.open(report.hello, self._clock())


class StatsQuery(stats_pb2_grpc.StatsQueryServicer):
    """Answers questions about what was counted."""

    def __init__(
        self,
        store: Store,
        *,
        pods: Callable[[], Iterable[discovery_pb2.Pod]],
        services: Callable[[], Iterable[tuple[str, str]]],
        clock: Callable[[], float],
        settle: bool = False,
        note: Callable[[], str] = lambda: "",
    ) -> None:
        self._intake = store.intake
        self._note = note
        self._pods = pods
        self._services = services
        self._clock = clock
        self._started = clock()
        self._settled = not settle

    async def Stat(self, request: stats_pb2.StatRequest, context: "Context") -> stats_pb2.StatResponse:
        resources = [*request.targets]
        resources += [request.to] if request.HasField("to") else []
        resources += [getattr(request, "from")] if request.HasField("from") else []

        def answer() -> stats_pb2.StatResponse:
            roster, rollup = self._roster(), self._intake.rollup
            result = self._stat(request, roster)
            check_names(rollup, roster, (resource for resource in resources if resource.name))
            for resource in resources:
                if resource.kind != "namespace" and not resource.name:
                    check_namespace(rollup, roster, resource.namespace)
            return result

        return await self._patiently(answer, context)

    async def WatchStat(
        self, request: stats_pb2.StatRequest, context: "Context"
    ) -> AsyncIterator[stats_pb2.StatResponse]:
        await self._settle()
        while True:
            try:
                answer = self._stat(request, self._roster())
            except QueryError as error:
                await _explain(context, error)
            yield answer
            await self._pause(request.interval_ms)

    async def Edges(self, request: stats_pb2.EdgesRequest, context: "Context") -> stats_pb2.EdgesResponse:
        def answer() -> stats_pb2.EdgesResponse:
            roster, rollup = self._roster(), self._intake.rollup
            result = self._edges(request, roster)
            if request.name:
                kind = request.kind or "deployment"
                named = common_pb2.Resource(namespace=request.namespace, kind=kind, name=request.name)
                check_names(rollup, roster, [named])
            else:
                check_namespace(rollup, roster, request.namespace)
            return result

        return await self._patiently(answer, context)

    async def WatchEdges(
        self, request: stats_pb2.EdgesRequest, context: "Context"
    ) -> AsyncIterator[stats_pb2.EdgesResponse]:
        await self._settle()
        while True:
            try:
                answer = self._edges(request, self._roster())
            except QueryError as error:
                await _explain(context, error)
            yield answer
            await self._pause(request.interval_ms)

    def _roster(self) -> Roster:
        return Roster(self._pods(), self._services())

    def _stat(self, request: stats_pb2.StatRequest, roster: Roster) -> stats_pb2.StatResponse:
        now = self._clock()
        mark = self._intake.watermark(now)
        self._intake.tick(now)
        answer = stat(self._intake.rollup, roster, request, mark, int(now * 1000))
        answer.note = self._note()
        return answer

    def _edges(self, request: stats_pb2.EdgesRequest, roster: Roster) -> stats_pb2.EdgesResponse:
        now = self._clock()
        mark = self._intake.watermark(now)
        self._intake.tick(now)
        answer = edges(self._intake.rollup, roster, request, mark, int(now * 1000))
        answer.note = self._note()
        return answer

    async def _patiently(self, answer: Callable[[], Answer], context: "Context") -> Answer:
        """Return an answer; a name that is missing just after a start may be about to report."""
        await self._settle()
        while True:
            try:
                return answer()
            except QueryError as error:
                if not error.missing or self._clock() - self._started > GRACE_S:
                    await _explain(context, error)
            await asyncio.sleep(LEAST_S)

    async def _settle(self) -> None:
        """Wait until all sidecars are back after a restart, or nobody would wait longer; counts must not run back."""
        while not self._settled:
            pods = [pod for pod in self._pods() if pod.meshed]
            now, (least, most) = self._clock(), SETTLE_S
            missing = {(pod.status.namespace, pod.status.pod) for pod in pods} - self._intake.current(now)
            since = now - self._started
            self._settled = since > most or (since > least and bool(pods) and not missing)
            if not self._settled:
                await asyncio.sleep(LEAST_S)

    async def _pause(self, interval_ms: int) -> None:
        """Sleep to the next beat; all watchers of a second wake just after the sidecars have reported."""
        period = max(LEAST_S, interval_ms / 1000 or INTERVAL_S)
        phase = min(PHASE_S, period / 5)
        await asyncio.sleep(max(LEAST_S, period - (self._clock() - phase) % period))


async def _explain(context: "Context", error: QueryError) -> NoReturn:
    code = grpc.StatusCode.NOT_FOUND if error.missing else grpc.StatusCode.INVALID_ARGUMENT
    await _refuse(context, code, str(error), error.hint)


async def _refuse(context: "Context", code: grpc.StatusCode, message: str, hint: str = "") -> NoReturn:
    if hint:
        context.set_trailing_metadata(((HINT, hint.encode()),))
    await context.abort(code, message)
    raise AssertionError
