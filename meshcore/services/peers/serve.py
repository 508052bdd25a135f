"""The door between replicas of one control plane: whoever proves to be the control plane itself is told everything.

The server puts `Peers` on the mutual-TLS listener, beside what sidecars ask:

    Peers(caller=..., me=SPIFFE ID, replica=NAME, sources=[journal.follow, ...], relay=...)

`sources` begin to tell somebody of what their service knows; `relay(orders)` taps our own sidecars. Neither asks a
third replica, so a question never goes in circles. follow.py is the other end.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, NoReturn, Protocol

import grpc

from meshcore.services.peers.mailbox import Mailbox
from meshcore.wire import peers_pb2, peers_pb2_grpc
from meshcore.wire.ids import SpiffeId
from meshcore.wire.version import OLDEST, PROTOCOL, VERSION, meet

if TYPE_CHECKING:
    from meshcore.wire.peers_pb2_grpc import _ServicerContext as Context

log = logging.getLogger("meshcore.peers")

BATCH_S = 0.03  # what happens in so short a time travels together


class Follower(Protocol):
    """One source's end of somebody who is told."""

    def more(self) -> bool:
        """Tell some of what was before; False: that was all of it."""

    def leave(self) -> None:
        """Tell nothing any more."""


Source = Callable[[Callable[[peers_pb2.Happening], None]], Follower]
Relay = Callable[[AsyncIterator[peers_pb2.RelayOrder]], AsyncGenerator[peers_pb2.RelayNews, None]]


class Peers(peers_pb2_grpc.PeersServicer):
    """Tells other replicas what our own sidecars tell us, and taps them for their viewers."""

    def __init__(
        self,
        *,
        caller: "Callable[[Context], SpiffeId | None]",
        me: SpiffeId,
        replica: str,
        sources: Sequence[Source],
        relay: Relay,
    ) -> None:
        self._caller = caller
        self._me = me
        self._replica = replica
        self._sources = sources
        self._relay = relay

    async def Follow(self, request: peers_pb2.FollowRequest, context: "Context") -> AsyncIterator[peers_pb2.PeerNews]:
        """Tell another replica everything that our own sidecars told and tell, until it goes or reads too slowly."""
        await self._admit(context)
        if not meet(request.protocol, request.oldest_protocol):
            await _refuse(
                context,
                grpc.StatusCode.FAILED_PRECONDITION,
                f"replica {self._replica} ({VERSION}) speaks wire protocol {OLDEST} to {PROTOCOL}, replica "
                f"{request.replica} ({request.version}) {request.oldest_protocol} to {request.protocol}; upgrade one "
                "version at a time",
            )
        mailbox = Mailbox()
        followers = [source(mailbox.put) for source in self._sources]
        fields = {"replica": request.replica, "version": request.version}
        log.info("a replica follows", extra={"fields": fields})
        try:
            hello = peers_pb2.PeerHello(replica=self._replica, version=VERSION, protocol=PROTOCOL)
            yield peers_pb2.PeerNews(hello=hello)
            while any(follower.more() for follower in followers):
                while happened := mailbox.take():
                    yield peers_pb2.PeerNews(happened=happened)
                await asyncio.sleep(0)  # freezing counts takes a while; others have their turn
            mailbox.put(peers_pb2.Happening(whole=True))
            while not mailbox.full:
                while happened := mailbox.take():
                    yield peers_pb2.PeerNews(happened=happened)
                await mailbox.news.wait()
                await asyncio.sleep(BATCH_S)
        finally:
            for follower in followers:
                follower.leave()
            log.info("a replica follows no more", extra={"fields": fields})
        await _refuse(context, grpc.StatusCode.RESOURCE_EXHAUSTED, "it was read too slowly; begin anew")

    async def Relay(
        self, request_iterator: AsyncIterator[peers_pb2.RelayOrder], context: "Context"
    ) -> AsyncIterator[peers_pb2.RelayNews]:
        """Tap our own sidecars for another replica's viewer, at the rate of its latest order."""
        await self._admit(context)
        async with aclosing(self._relay(request_iterator)) as relayed:
            async for news in relayed:
                yield news

    async def _admit(self, context: "Context") -> None:
        who = self._caller(context)
        if who != self._me:
            await _refuse(
                context,
                grpc.StatusCode.PERMISSION_DENIED,
                f"only the control plane's own replicas ({self._me}) may ask this, not {who or 'a stranger'}",
            )


async def _refuse(context: "Context", code: grpc.StatusCode, message: str) -> NoReturn:
    await context.abort(code, message)
    raise AssertionError
