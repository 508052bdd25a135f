"""Tap over gRPC: sidecars attach, viewers observe.

The server puts one `Tap` on the mutual-TLS listener and one `TapQuery` on the Unix socket, over one Switchboard:

    board = Switchboard(pods=..., clock=time.time)
    Tap(board, caller=...)
    TapQuery(board)
    board.taps                                   # for Control.Status

`caller(context)` is the SPIFFE ID that the peer certificate proves, `pods()` the inventory as it is now. `reach(watch)`
holds a watch open at other replicas, and `note()` says which of them do not answer (relay.py). Who gets which event is
decided by the pure files beside this one.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from typing import TYPE_CHECKING, NoReturn

import grpc

from meshcore.client.failure import trailing
from meshcore.services.tap.people import People, TapError
from meshcore.services.tap.registry import Post, Registry, Watch
from meshcore.services.tap.top import Top
from meshcore.wire import common_pb2, discovery_pb2, tap_pb2, tap_pb2_grpc
from meshcore.wire.expression import searcher
from meshcore.wire.ids import SpiffeId

if TYPE_CHECKING:
    from meshcore.wire.tap_pb2_grpc import _ServicerContext as Context

OBSERVE_RPS = 100.0
TOP_RPS = 1000.0
TOP_WINDOW_MS = 60_000
TOP_ROWS = 100
INTERVAL_MS = 1000
BATCH_S = 0.02  # events of one turn travel together
GRACE_S = 5.0  # how long after a start a workload may still be unknown because nobody has reported yet
FRESH_S = 1.0  # how old the inventory may be that names peers
RETRY_S = 0.1


Reach = Callable[[Watch], AbstractAsyncContextManager[None]]


def nowhere(watch: Watch) -> AbstractAsyncContextManager[None]:
    """Stand for other replicas where there are none."""
    return nullcontext()


class Switchboard:
    """All attached sidecars, all viewers, and the inventory that names what they see."""

    def __init__(
        self,
        *,
        pods: Callable[[], Iterable[discovery_pb2.Pod]],
        clock: Callable[[], float],
        reach: Reach = nowhere,
        note: Callable[[], str] = lambda: "",
    ) -> None:
        self.clock = clock
        self.reach = reach
        self.note = note
        self.started = clock()
        self.registry = Registry(self._name)
        self._pods = pods
        self._people = People(())
        self._fresh = 0.0

    @property
    def taps(self) -> int:
        """Return how many viewers of our own there are."""
        return sum(not watch.each_rps for watch in self.registry.watches.values())

    def people(self) -> People:
        """Return the inventory, a second old at most."""
        now = self.clock()
        if not 0 <= now - self._fresh < FRESH_S:
            self._people, self._fresh = People(self._pods()), now
        return self._people

    def refusal(self, targets: Sequence[common_pb2.Resource], match: tap_pb2.TapMatch) -> TapError | None:
        """Return why a tap cannot be, or None."""
        if not targets:
            return TapError("nothing was named to tap", "try `meshtui tap deployment/NAME`")
        try:
            searcher(match.path_regex)
            for target in targets:
                self.people().check(target, (post.peer for post in self.registry.posts))
        except ValueError as error:
            return TapError(f"the path's regular expression {match.path_regex!r} is not valid: {error}")
        except TapError as error:
            return error
        return None

    def _name(self, peer: common_pb2.Peer) -> None:
        if not (peer.name or peer.pod):
            self.people().name(peer)


class Tap(tap_pb2_grpc.TapServicer):
    """Takes sidecars on, gives them orders and hands on what they see."""

    def __init__(self, board: Switchboard, *, caller: "Callable[[Context], SpiffeId | None]") -> None:
        self._registry = board.registry
        self._caller = caller

    async def Attach(
        self, request_iterator: AsyncIterator[tap_pb2.TapReport], context: "Context"
    ) -> AsyncIterator[tap_pb2.TapOrder]:
        """Take a sidecar on for as long as its stream lasts: orders out, what it sees in."""
        hello = await anext(request_iterator, None)
        if hello is None:
            return
        me = await self._prove(hello, context)
        orders: asyncio.Queue[tap_pb2.TapOrder | None] = asyncio.Queue()
        post = self._registry.attach(me, orders.put_nowait)
        reading = asyncio.create_task(self._read(request_iterator, post, orders))
        try:
            while (order := await orders.get()) is not None:
                yield order
        finally:
            self._registry.detach(post)
            reading.cancel()

    async def _read(
        self,
        reports: AsyncIterator[tap_pb2.TapReport],
        post: Post,
        orders: "asyncio.Queue[tap_pb2.TapOrder | None]",
    ) -> None:
        try:
            async for report in reports:
                self._registry.deliver(post, report.events, report.dropped)
        finally:
            orders.put_nowait(None)

    async def _prove(self, report: tap_pb2.TapReport, context: "Context") -> common_pb2.Peer:
        me = report.hello.self
        proven = self._caller(context)
        if not me.pod:
            await _refuse(context, "INVALID_ARGUMENT", "the first message of a stream must be its hello")
        if proven is None or (proven.namespace, proven.service_account) != (me.namespace, me.service_account):
            claim = f"{me.service_account}.{me.namespace}"
            line = f"a sidecar of {claim} must prove that identity; its certificate says {proven or 'nothing'}"
            await _refuse(context, "PERMISSION_DENIED", line)
        return me


class TapQuery(tap_pb2_grpc.TapQueryServicer):
    """Lets people see single requests."""

    def __init__(self, board: Switchboard) -> None:
        self._board = board

    async def Observe(
        self, request: tap_pb2.ObserveRequest, context: "Context"
    ) -> AsyncIterator[tap_pb2.ObserveResponse]:
        """Yield the events of matching requests as they happen, until `limit` of them have ended."""
        await self._check(request.targets, request.match, context)
        seen = self._watch(
            request.targets,
            request.match,
            max_rps=request.max_rps or OBSERVE_RPS,
            headers=request.headers,
            limit=request.limit,
        )
        async with aclosing(seen):
            async for watch in seen:
                done = watch.done
                events, dropped = watch.take()
                note = self._board.note()
                yield tap_pb2.ObserveResponse(events=events, dropped=dropped, sidecars=watch.sidecars, note=note)
                if done:
                    return

    async def Top(self, request: tap_pb2.TopRequest, context: "Context") -> AsyncIterator[tap_pb2.TopResponse]:
        """Yield, at every interval, the requests of the last window counted by who asked whom for what."""
        await self._check(request.targets, request.match, context)
        clock = self._board.clock
        top = Top(
            (request.window_ms or TOP_WINDOW_MS) / 1000,
            by_route=request.by_route,
            hide_sources=request.hide_sources,
            now=clock(),
        )
        interval = max(RETRY_S, (request.interval_ms or INTERVAL_MS) / 1000)
        seen = self._watch(request.targets, request.match, max_rps=request.max_rps or TOP_RPS, every=interval)
        dropped = 0
        async with aclosing(seen):
            async for watch in seen:
                events, lost = watch.take()
                dropped += lost
                now = clock()
                for event in events:
                    twice = not request.match.direction and watch.taps(event.destination)
                    top.add(event, now, twice=twice)
                yield tap_pb2.TopResponse(
                    time_ms=int(now * 1000),
                    rows=top.rows(now, request.limit or TOP_ROWS),
                    dropped=dropped,
                    sidecars=watch.sidecars,
                    covered_ms=int(top.covered(now) * 1000),
                    note=self._board.note(),
                )

    async def _watch(
        self,
        targets: Sequence[common_pb2.Resource],
        match: tap_pb2.TapMatch,
        *,
        max_rps: float,
        headers: bool = False,
        limit: int = 0,
        every: float = 0.0,
    ) -> AsyncGenerator[Watch, None]:
        """Yield a watch whenever it has news, or at an interval; its orders end with the reader."""
        news = asyncio.Event()
        registry = self._board.registry
        watch = registry.open(targets, match, news.set, max_rps=max_rps, headers=headers, limit=limit)
        try:
            async with self._board.reach(watch):
                while True:
                    yield watch
                    if every:
                        await asyncio.sleep(every)
                    else:
                        await news.wait()
                        await asyncio.sleep(BATCH_S)
                    news.clear()
        finally:
            registry.close(watch)

    async def _check(self, targets: Sequence[common_pb2.Resource], match: tap_pb2.TapMatch, context: "Context") -> None:
        """Refuse what cannot be tapped; what is missing just after a start may be about to report."""
        board = self._board
        while (error := board.refusal(targets, match)) is not None:
            if error.code != "NOT_FOUND" or board.clock() - board.started > GRACE_S:
                await _refuse(context, error.code, str(error), error.hint)
            await asyncio.sleep(RETRY_S)


async def _refuse(context: "Context", code: str, message: str, hint: str = "") -> NoReturn:
    if hint:
        context.set_trailing_metadata(trailing(hint))
    await context.abort(grpc.StatusCode[code], message)
    raise AssertionError
