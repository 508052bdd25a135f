"""Byte streams on the mesh hop, for HTTP/1 and opaque traffic that goes out (host/dial asks).

A stream opens at once on the connection that the endpoint's carriers share; its first bytes go out with the CONNECT,
without waiting for the answer.
"""

import asyncio
from typing import Any

from agents.sidecar.engine.hop import connect
from agents.sidecar.engine.http2.connection import Connection
from agents.sidecar.host.h2carrier import Carriers, Fleet
from agents.sidecar.host.hopstream import ByteStream
from agents.sidecar.state.endpoints import Endpoint
from meshcore.wire.ids import join


class Opening:
    """A byte stream that waits for a connection."""

    __slots__ = ("_fleet", "_name", "_place", "_protocol")

    def __init__(self, fleet: Fleet, name: bytes, place: str, protocol: Any) -> None:
        self._fleet = fleet
        self._name = name
        self._place = place
        self._protocol = protocol

    def carried(self, connection: Connection) -> bool:
        stream = ByteStream(self._fleet.loop, self._protocol, self._place)
        stream.stream = connection.open(connect(self._name, self._place.encode()), False, stream)
        self._protocol.connection_made(stream)
        return True

    def uncarried(self, error: str) -> None:
        self._protocol.connection_lost(ConnectionError(error))


class Hops:
    """What host/dial knows of the hop."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def open(self, endpoint: Endpoint, name: bytes, protocol: asyncio.BaseProtocol) -> None:
        """Open a byte stream to a meshed endpoint; never calls back before it returns."""
        carriers: Carriers = endpoint.carriers or self._fleet.to(endpoint)
        self._fleet.loop.call_soon(
            carriers.wait, Opening(self._fleet, name, join(endpoint.ip, endpoint.port), protocol)
        )
