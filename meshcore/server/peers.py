"""The other replicas of a cluster's control plane: who they are, what they are told, and who takes in what they tell.

Each replica holds the streams of some sidecars and is told of all others', so any of them answers any question, from
what it has in memory. Who they are, Kubernetes says: the pods of our own Deployment.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NoReturn

import grpc

from meshcore.server.access import caller
from meshcore.server.core import Core
from meshcore.server.options import DNS_NAME, ClusterOptions
from meshcore.services.discovery import elsewhere, records
from meshcore.services.peers.circle import Circle, Place
from meshcore.services.peers.follow import Link, Taker
from meshcore.services.peers.serve import Peers
from meshcore.services.stats.replica import Replica
from meshcore.services.tap.relay import Relays, Stub, relayed
from meshcore.wire import peers_pb2_grpc
from meshcore.wire.discovery_pb2 import RUNNING
from meshcore.wire.ids import join

LOOK_S = 0.5
PORT = "grpc-control"  # what the Deployment calls the port that sidecars and replicas dial


class Replicas:
    """All other replicas, and our own door for them."""

    def __init__(self, options: ClusterOptions) -> None:
        self._options = options
        self._core: Core | None = None
        self.circle = Circle(self._link, time.monotonic)
        self.relays = Relays(self._stubs)

    def serve(self, core: Core, server: grpc.aio.Server) -> None:
        """Open the door on the mutual-TLS listener."""
        self._core = core
        peers = Peers(
            caller=caller,
            me=self._options.identity,
            replica=self._options.pod,
            sources=[core.counts.journal.follow, partial(elsewhere.Follower, core.registry)],
            relay=partial(relayed, core.taps.registry),
        )
        peers_pb2_grpc.add_PeersServicer_to_server(peers, server)

    async def run(self, known: Mapping[str, records.Pod]) -> NoReturn:
        """Follow the pods that are known now, and whatever they become, until cancelled."""
        try:
            while True:
                self.circle.set(places(known, self._options))
                await asyncio.sleep(LOOK_S)
        finally:
            await self.circle.close()

    def _link(self, name: str, address: str) -> Link:
        return Link(
            name,
            address,
            me=self._options.pod,
            server_name=DNS_NAME,
            credentials=self._credentials,
            takers=self._takers,
            clock=time.monotonic,
        )

    def _stubs(self) -> Mapping[str, Stub]:
        return {name: link.stub for name, link in self.circle.links().items() if link.stub is not None}

    def _credentials(self) -> grpc.ChannelCredentials:
        assert self._core is not None
        shown = self._core.serving.current
        return grpc.ssl_channel_credentials(shown.anchors, shown.key, shown.chain)

    def _takers(self, name: str) -> Sequence[Taker]:
        core = self._core
        assert core is not None
        counts = Replica(name, core.counts.intake, time.time, core.reported)
        return (counts, core.inventory.elsewhere.hear())


def places(known: Mapping[str, records.Pod], options: ClusterOptions) -> dict[str, Place]:
    """Return where all replicas but our own are."""
    found: dict[str, Place] = {}
    for name, pod in known.items():
        if name == options.pod or pod.phase != RUNNING or not pod.addresses:
            continue
        port = next((number for called, number in pod.ports if called == PORT), options.ports.control)
        found[name] = Place(join(pod.addresses[0], port), pod.ready)
    return found
