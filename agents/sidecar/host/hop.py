"""The mesh hop's accepting side: a connection from another sidecar, with mutual TLS already on.

host/arrival hands the socket over when ALPN names the mesh. Who the client is comes from its certificate alone; the
HELLO adds what the identity bears out. Native streams are requests, extended CONNECTs are byte streams.
"""

from math import inf
from time import time
from typing import Any

from agents.sidecar.engine.exchange import INBOUND
from agents.sidecar.engine.headers import CLIENT_HEADER
from agents.sidecar.engine.hop import ACCEPTED, REFUSED, introduce
from agents.sidecar.engine.http2.fields import Fields, Section
from agents.sidecar.engine.http2.limits import HOP
from agents.sidecar.engine.http2.stream import Stream
from agents.sidecar.engine.http2.wire import NO_ERROR
from agents.sidecar.host.h2 import Asked, Served
from agents.sidecar.host.h2fleet import Fleet
from agents.sidecar.host.handshake import refuse
from agents.sidecar.host.hopstream import ByteStream
from agents.sidecar.host.host import Host
from agents.sidecar.host.serve import stream as serve
from agents.sidecar.host.tls import expiry, identity
from agents.sidecar.state.doors import Door
from agents.sidecar.state.peers import UNKNOWN_PEER
from agents.sidecar.state.refusals import NO_IDENTITY
from meshcore.wire.ids import join

_SIGNED = 32  # heads that are remembered; then all are forgotten


class HopServed(Served):
    """A connection that another sidecar opened."""

    def __init__(self, host: Host, fleet: Fleet, door: Door) -> None:
        super().__init__(host, fleet, door, UNKNOWN_PEER, None, HOP)
        self._identity = ""
        self._address = ""
        self._expires = inf
        self._introduced = False
        self._signature = (CLIENT_HEADER, b"", False)  # for the application, on each request
        self._signed: dict[int, tuple[Fields, Section]] = {}  # by `id`: heads that came, and what goes on of them
        self._generation = host.runtime.certs.generation

    def connection_made(self, transport: Any) -> None:
        self._identity = identity(transport)
        self._expires = expiry(transport)
        peer = transport.get_extra_info("peername")
        self._address = join(peer[0], peer[1]) if isinstance(peer, tuple) else ""
        try:
            self._know(b"")
        except ValueError as error:
            runtime = self.host.runtime
            refuse(runtime.certs, runtime.log, "inbound", NO_IDENTITY, self._address, str(error))
            transport.abort()
            return
        super().connection_made(transport)

    def tick(self) -> None:
        super().tick()
        if self._generation != self.host.runtime.certs.generation or time() >= self._expires:
            self.drain()  # certificates or anchors changed, or time went by: the client comes again, is looked at anew

    def on_hello(self, payload: bytes) -> None:
        if not self._introduced:
            self._introduced = True
            self._know(payload)

    def on_stream(self, stream: Stream, headers: Fields, fields: Asked, end: bool) -> None:
        name = fields[-1]
        if self.flow is None and name != b"tcp" and self.link is not None:
            # It counts once it carries requests; a TCP connection inside it is counted as what it is.
            self.flow = self.host.flow(INBOUND, self.link)
            self.flow.opening()
        if name is None:
            super().on_stream(stream, self._sign(headers), fields, end)
            return
        protocol: Any = serve(self.host, self.door, self.client, name)
        if protocol is None:
            stream.send_headers(REFUSED, True)
            stream.reset(NO_ERROR)
            return
        bytes_ = ByteStream(self.loop, protocol, self._address)
        bytes_.stream = stream
        stream.sink = bytes_
        stream.send_headers(ACCEPTED)
        protocol.connection_made(bytes_)
        if end:
            bytes_.on_data(stream, b"", True)

    def _sign(self, headers: Fields) -> Fields:
        """Return a request's head with its client's name. Of one that came before it is the same again."""
        known = self._signed.get(id(headers))
        if known is not None:
            return known[1]
        if not isinstance(headers, Section):
            return [*headers, self._signature]
        if len(self._signed) >= _SIGNED:
            self._signed.clear()
        signed = Section((*headers, self._signature))
        self._signed[id(headers)] = (headers, signed)
        return signed

    def _know(self, payload: bytes) -> None:
        self.client = introduce(self._identity, self._address, payload)
        self.link = self.door.link(self.client)
        self._signature = (CLIENT_HEADER, self._identity.encode(), False)
        self._signed.clear()
