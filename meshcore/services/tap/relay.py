"""A tap across replicas: a viewer's wish goes to every other replica, whose sidecars' events come back to the viewer.

`relayed` is the asked side: it opens a watch over its own sidecars only, so nothing is asked further. `Relays` is the
asking side: one call for each viewer and replica, which lasts as long as both do. The rate is shared out by whoever has
the viewer, over all sidecars of all replicas.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Protocol

import grpc

from meshcore.services.tap.registry import LEAST_RPS, Branch, Registry, Watch
from meshcore.wire import peers_pb2, tap_pb2

log = logging.getLogger("meshcore.tap")

BATCH_S = 0.02
LOOK_S = 0.5  # how soon a replica that has come, or come back, is asked too


class Stub(Protocol):
    """What is needed of meshtui.v1.Peers' stub."""

    Relay: "grpc.aio.StreamStreamMultiCallable[peers_pb2.RelayOrder, peers_pb2.RelayNews]"


Others = Callable[[], Mapping[str, Stub]]  # the replicas that answer now, by name


async def relayed(
    registry: Registry, orders: AsyncIterator[peers_pb2.RelayOrder]
) -> AsyncGenerator[peers_pb2.RelayNews, None]:
    """Tap our own sidecars for another replica's viewer, until it goes."""
    first = await anext(orders, None)
    if first is None:
        return
    news = asyncio.Event()
    watch = registry.open(
        first.targets,
        first.match,
        news.set,
        max_rps=first.max_rps,
        headers=first.headers,
        each_rps=max(LEAST_RPS, first.max_rps),
    )
    pacing = asyncio.create_task(_pace(watch, orders))
    try:
        while True:
            events, dropped = watch.take()
            sidecars = [post.peer for post in watch.posts]
            yield peers_pb2.RelayNews(events=events, dropped=dropped, sidecars=sidecars)
            await news.wait()
            await asyncio.sleep(BATCH_S)
            news.clear()
    finally:
        pacing.cancel()
        registry.close(watch)


async def _pace(watch: Watch, orders: AsyncIterator[peers_pb2.RelayOrder]) -> None:
    async for order in orders:
        watch.each_rps = max(LEAST_RPS, order.max_rps)
        watch.share()


class Relays:
    """Holds watches open at all other replicas."""

    def __init__(self, others: Others) -> None:
        self._others = others

    @asynccontextmanager
    async def reach(self, watch: Watch) -> AsyncIterator[None]:
        """Tap other replicas' sidecars for a viewer, as long as the block lasts."""
        keeping = asyncio.create_task(self._keep(watch))
        try:
            yield
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping

    async def _keep(self, watch: Watch) -> None:
        """Have one call to each replica that answers."""
        calls: dict[str, tuple[Stub, asyncio.Task[None]]] = {}
        try:
            while True:
                others = self._others()
                for name, (stub, call) in list(calls.items()):
                    if call.done() or others.get(name) is not stub:
                        call.cancel()
                        del calls[name]
                for name, stub in others.items():
                    if name not in calls:
                        calls[name] = (stub, asyncio.create_task(_carry(name, stub, watch)))
                await asyncio.sleep(LOOK_S)
        finally:
            for _, call in calls.values():
                call.cancel()
            await asyncio.gather(*(call for _, call in calls.values()), return_exceptions=True)


async def _carry(name: str, stub: Stub, watch: Watch) -> None:
    """Bring one replica's events to a viewer, until the call ends."""
    paces: asyncio.Queue[float] = asyncio.Queue()
    branch = Branch(paces.put_nowait)
    watch.branches.add(branch)
    watch.share()

    async def orders() -> AsyncIterator[peers_pb2.RelayOrder]:
        yield peers_pb2.RelayOrder(
            targets=watch.targets, match=watch.order.match, headers=watch.order.headers, max_rps=await paces.get()
        )
        while True:
            yield peers_pb2.RelayOrder(max_rps=await paces.get())

    call = stub.Relay(orders())
    try:
        async for news in call:
            for event in news.events:
                _readdress(event, watch)
                watch.push(event)
            if news.dropped:
                watch.lose(news.dropped)
            pods = frozenset((peer.namespace, peer.pod) for peer in news.sidecars)
            if pods != branch.pods:
                branch.pods = pods
                watch.share()
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.UNAVAILABLE:  # that it is away, its link says
            log.warning("a replica's tap failed", extra={"fields": {"replica": name, "reason": str(error.details())}})
    finally:
        call.cancel()
        watch.branches.discard(branch)
        watch.share()


def _readdress(event: tap_pb2.TapEvent, watch: Watch) -> None:
    """Have an event bear our own order's number."""
    del event.orders[:]
    event.orders.append(watch.id)
