"""One other replica of the control plane, followed for as long as it is one: dialled, heard, dialled again.

circle.py keeps a Link to each. What it tells is given to takers, one of each service, made anew for each stream; they
are told when it is lost. A replica that hangs is noticed by the connection's pings within seconds.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import grpc

from meshcore.client.channel import OPTIONS, cancelled
from meshcore.wire import peers_pb2, peers_pb2_grpc
from meshcore.wire.version import OLDEST, PROTOCOL, VERSION

if TYPE_CHECKING:
    from meshcore.wire.peers_pb2_grpc import PeersAsyncStub

log = logging.getLogger("meshcore.peers")

HELLO_S = 3.0
RETRY_S = 0.5
FAILED_S = 5.0


class Taker(Protocol):
    """A service's end of one stream from another replica."""

    def take(self, happening: peers_pb2.Happening) -> None:
        """Take in one piece of news."""

    def lost(self) -> None:
        """The stream has ended."""


Takers = Callable[[str], Sequence[Taker]]
Credentials = Callable[[], grpc.ChannelCredentials]


class Link:
    """One other replica. `stub` asks it more while it answers; `whole`: all that it knew has been heard."""

    def __init__(
        self,
        name: str,
        address: str,
        *,
        me: str,
        server_name: str,
        credentials: Credentials,
        takers: Takers,
        clock: Callable[[], float],
    ) -> None:
        self.silent_since = clock()
        self.name = name
        self.address = address
        self.stub: PeersAsyncStub | None = None
        self.whole = False
        self._me = me
        self._options = (*OPTIONS, ("grpc.ssl_target_name_override", server_name))
        self._credentials = credentials
        self._takers = takers
        self._clock = clock
        self._said = ""

    @property
    def answers(self) -> bool:
        return self.stub is not None

    async def run(self) -> None:
        """Follow it until cancelled."""
        while True:
            try:
                await self._session()
                self._say("it ended the stream")
            except grpc.aio.AioRpcError as error:
                self._say(error.details() or error.code().name)
            except TimeoutError:
                self._say(f"no answer within {HELLO_S:.0f} s")
            except asyncio.CancelledError:
                if cancelled():
                    raise
                self._say("it closed the connection")
            except Exception:  # one bad message must not end this for ever
                log.exception("news of a replica cannot be taken", extra={"fields": {"replica": self.name}})
                await asyncio.sleep(FAILED_S)
            await asyncio.sleep(RETRY_S)

    async def _session(self) -> None:
        # A channel for each try: its certificate is the one in force now.
        async with grpc.aio.secure_channel(self.address, self._credentials(), options=self._options) as channel:
            stub: PeersAsyncStub = peers_pb2_grpc.PeersStub(channel)
            request = peers_pb2.FollowRequest(
                replica=self._me, version=VERSION, protocol=PROTOCOL, oldest_protocol=OLDEST
            )
            call = stub.Follow(request)
            takers: Sequence[Taker] = ()
            try:
                stream = aiter(call)
                async with asyncio.timeout(HELLO_S):
                    first = await anext(stream, None)
                if first is None:
                    return
                takers = self._takers(self.name)
                self.stub = stub
                self._say("", version=first.hello.version)
                async for news in stream:
                    for happening in news.happened:
                        self.whole = self.whole or happening.whole
                        for taker in takers:
                            taker.take(happening)
                        if happening.HasField("counted"):
                            await asyncio.sleep(0)  # that takes a while: sidecars and people have their turn
            finally:
                if self.answers:
                    self.silent_since = self._clock()
                self.stub, self.whole = None, False
                call.cancel()
                for taker in takers:
                    taker.lost()

    def _say(self, reason: str, version: str = "") -> None:
        """Log that it answers, or why not, once for each reason."""
        fields = {"replica": self.name, "address": self.address}
        if not reason:
            log.info("a replica answers", extra={"fields": {**fields, "version": version}})
        elif reason != self._said:
            log.warning("a replica does not answer", extra={"fields": {**fields, "reason": reason}})
        self._said = reason
