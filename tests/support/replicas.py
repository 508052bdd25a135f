"""Replicas of a control plane on loopback under mutual TLS, as far as they speak to each other; for their tests."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import grpc

from meshcore.pki import authority
from meshcore.server.access import Access, caller
from meshcore.server.listeners import credentials, open_control
from meshcore.services.identity.serving import Serving
from meshcore.services.peers.follow import Link, Taker
from meshcore.services.peers.serve import Peers, Relay, Source
from meshcore.wire import peers_pb2_grpc
from meshcore.wire.ids import SpiffeId

NAME = "control-plane.meshtui"
ME = SpiffeId("cluster.local", "meshtui", "meshtui-controller")
STRANGER = SpiffeId("cluster.local", "shop", "web")


def make_authority() -> authority.Authority:
    """Return a mesh's authority."""
    now = datetime.now(UTC)
    anchor, anchor_key = authority.create_anchor("test", now)
    issuer, key = authority.create_issuer("test", anchor, anchor_key, now)
    return authority.Authority(issuer, key, (anchor,))


def show(root: authority.Authority, who: SpiffeId = ME, dns: tuple[str, ...] = (NAME,)) -> Serving:
    """Return what a member of the mesh shows in TLS."""
    return Serving(root, str(who), dns, time.time)


class Replica:
    """One replica that is open to others; `address` is where."""

    def __init__(self, serving: Serving, sources: Sequence[Source], relay: Relay) -> None:
        self._serving = serving
        self._peers = Peers(caller=caller, me=ME, replica="a", sources=sources, relay=relay)
        self._server: grpc.aio.Server | None = None
        self.address = ""

    async def open(self, port: int = 0) -> None:
        self._server = open_control([Access(ME.trust_domain)])
        peers_pb2_grpc.add_PeersServicer_to_server(self._peers, self._server)
        found = credentials(lambda: self._serving.current, mutual=True)
        self.address = f"127.0.0.1:{self._server.add_secure_port(f'127.0.0.1:{port}', found)}"
        await self._server.start()

    async def close(self) -> None:
        if self._server is not None:
            with suppress(grpc.aio.BaseError):
                await self._server.stop(None)


def link(
    address: str,
    serving: Serving,
    takers: Callable[[str], Sequence[Taker]],
    clock: Callable[[], float] = time.monotonic,
) -> Link:
    """Return a link to a replica called a, by one called b."""

    def shown() -> grpc.ChannelCredentials:
        now = serving.current
        return grpc.ssl_channel_credentials(now.anchors, now.key, now.chain)

    return Link("a", address, me="b", server_name=NAME, credentials=shown, takers=takers, clock=clock)
