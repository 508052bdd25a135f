"""Byte streams on the mesh hop, for HTTP/1 and opaque traffic that goes out (host/dial asks).

A stream opens at once on the connection that the endpoint's carriers share; its first bytes go out with the CONNECT,
without waiting for the answer.
"""

import asyncio
from typing import Any

from agents.sidecar.engine.hop import connect
from agents.sidecar.engine.http2.connection import Connection
from agents.sidecar.engine.http2.stream import Stream
from agents.sidecar.host.h2fleet import Carriers, Fleet
from agents.sidecar.host.hopstream import ByteStream
from agents.sidecar.state.endpoints import Endpoint
from meshcore.wire.ids import join


class Opening:
    """A byte stream that waits for a connection: its first one, or another one after a refusal."""

    __slots__ = ("_carriers", "_name", "_place", "_protocol", "_stream")

    def __init__(self, carriers: Carriers, name: bytes, protocol: Any) -> None:
        self._carriers = carriers
        self._name = name
        self._place = join(carriers.endpoint.ip, carriers.endpoint.port)
        self._protocol = protocol
        self._stream: ByteStream | None = None

    def wait(self) -> None:
        """Ask for a connection; never calls back before it returns."""
        self._carriers.fleet.loop.call_soon(self._carriers.wait, self)

    def carried(self, connection: Connection) -> bool:
        stream = self._stream
        if stream is not None:
            if not stream.wanted:
                return False
            stream.carried(self._open(connection, stream))
            return True
        stream = self._stream = ByteStream(self._carriers.fleet.loop, self._protocol, self._place)
        stream.insist(self.wait)
        stream.stream = self._open(connection, stream)
        self._protocol.connection_made(stream)
        return True

    def uncarried(self, error: str) -> None:
        if self._stream is None:
            self._protocol.connection_lost(ConnectionError(error))
        elif self._stream.wanted:
            self._stream.uncarried(error)

    def _open(self, connection: Connection, stream: ByteStream) -> Stream:
        return connection.open(connect(self._name, self._place.encode()), False, stream)


class Hops:
    """What host/dial knows of the hop."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def open(self, endpoint: Endpoint, name: bytes, protocol: asyncio.BaseProtocol) -> None:
        """Open a byte stream to a meshed endpoint; never calls back before it returns."""
        Opening(endpoint.carriers or self._fleet.to(endpoint), name, protocol).wait()
