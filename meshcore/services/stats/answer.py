"""Stats over gRPC: what people ask.

The server puts one `StatsQuery` on the Unix socket, or behind a cluster's API server, over the Store that serve.py
fills:

    StatsQuery(store, pods=..., services=..., clock=time.time, settle=...)

`pods()` is the inventory as it is now, and `services()` the (namespace, name) of every service, so that idle ones have
a row. `settle` says that this is a restart: the first answers then wait a little for the sidecars to tell again what
the process before had counted. `note()` says what of other replicas is missing. What is answered is decided by the pure
files beside this one.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING, NoReturn, TypeVar

import grpc

from meshcore.client.failure import trailing
from meshcore.services.stats.edges import edges
from meshcore.services.stats.query import QueryError, check_names, check_namespace, stat
from meshcore.services.stats.roster import Roster
from meshcore.services.stats.store import Store
from meshcore.wire import common_pb2, discovery_pb2, stats_pb2, stats_pb2_grpc

if TYPE_CHECKING:
    from meshcore.wire.stats_pb2_grpc import _ServicerContext as Context

INTERVAL_S = 1.0
LEAST_S = 0.1
PHASE_S = 0.2  # sidecars report at whole seconds: look a little later
SETTLE_S = (1.5, 3.0)  # how long answers wait for sidecars after a restart: at least, and at most
GRACE_S = 5.0  # how long after a start a name may still be unknown because nobody has reported yet

Answer = TypeVar("Answer")


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
        """Return the rows of the targets over a window; a name that is not there is NOT_FOUND, with a hint."""
        far = [request.to] if request.HasField("to") else []
        far += [getattr(request, "from")] if request.HasField("from") else []

        def answer() -> stats_pb2.StatResponse:
            roster, rollup = self._roster(), self._intake.rollup
            result = self._stat(request, roster)
            check_names(rollup, roster, request.targets, far)
            for resource in (*request.targets, *far):
                if resource.kind != "namespace" and not resource.name:
                    check_namespace(rollup, roster, resource.namespace)
            return result

        return await self._patiently(answer, context)

    async def WatchStat(
        self, request: stats_pb2.StatRequest, context: "Context"
    ) -> AsyncIterator[stats_pb2.StatResponse]:
        """Return them again at every interval, from what is there by then."""
        await self._settle()
        while True:
            try:
                answer = self._stat(request, self._roster())
            except QueryError as error:
                await _explain(context, error)
            yield answer
            await self._pause(request.interval_ms)

    async def Edges(self, request: stats_pb2.EdgesRequest, context: "Context") -> stats_pb2.EdgesResponse:
        """Return who calls whom over a window; a name that is not there is NOT_FOUND, with a hint."""

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
        """Return them again at every interval, from what is there by then."""
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
    await refuse(context, code, str(error), error.hint)


async def refuse(context: "Context", code: grpc.StatusCode, message: str, hint: str = "") -> NoReturn:
    """End a call with a reason, and with the next step if there is one."""
    if hint:
        context.set_trailing_metadata(trailing(hint))
    await context.abort(code, message)
    raise AssertionError
