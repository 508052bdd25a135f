"""Which protocol object answers for a client connection, once it is known what it speaks.

host/arrival asks for sockets, the mesh hop for its byte streams. The objects of HTTP/2 are handed in by main, as
`Makers`: this room's HTTP/1 and opaque parts do not know them.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from agents.sidecar.engine.detect import Detected, Kind, conclude, detect
from agents.sidecar.engine.exchange import INBOUND
from agents.sidecar.engine.http1 import Request
from agents.sidecar.engine.reply import refusal, render
from agents.sidecar.host.downstream import Downstream
from agents.sidecar.host.host import Host
from agents.sidecar.host.opaque import Splice
from agents.sidecar.host.shed import Mark, Standing
from agents.sidecar.state.doors import Door
from agents.sidecar.state.peers import TLS_NONE, TLS_OPAQUE, Link, Peer


@dataclass(frozen=True, slots=True)
class Makers:
    """What makes the protocol objects of other rooms.

    `http2(door, client, link)`: a client's plain HTTP/2 connection. `hop(door)`: a mesh connection, TLS already on;
    it learns from the peer's certificate who the client is, and asks `stream` for what its byte streams carry.
    """

    http2: Callable[[Door, Peer, Link | None], asyncio.Protocol]
    hop: Callable[[Door], asyncio.Protocol]


def client_of(host: Host, door: Door, address: str, tls: int = TLS_NONE) -> Peer:
    """Return who a plain client is: unknown if it comes from outside, this workload if it goes out."""
    if door.direction == INBOUND:
        return Peer(address=address, tls=tls, no_tls_reason="no_tls_from_remote")
    return replace(host.runtime.me, address=address)


def plain(host: Host, makers: Makers, door: Door, address: str, detected: Detected) -> asyncio.Protocol:
    """Return what answers for a socket that came without the mesh's TLS."""
    kind = detected.kind
    client = client_of(host, door, address, TLS_OPAQUE if kind is Kind.TLS else TLS_NONE)
    link = door.link(client) if door.direction == INBOUND else None
    made: Any
    if kind is Kind.HTTP1:
        made = Tunnelling(host, makers, door, client) if door.proxy else Downstream(host, door, client, link)
    elif kind is Kind.HTTP2:
        made = makers.http2(door, client, link)
    else:
        if kind is Kind.TLS:
            host.runtime.counters.named(door.direction, door.port or door.service.port, detected.hello.sni)
        return Splice(host, door, link, door.target, tls=kind is Kind.TLS).near
    if link is not None:
        made.flow = host.flow(INBOUND, link)
    protocol: asyncio.Protocol = made
    return protocol


def stream(host: Host, door: Door, client: Peer, name: bytes) -> asyncio.Protocol | None:
    """Return what answers for a byte stream of a mesh connection; None if its `:protocol` is not one of ours."""
    link = door.link(client)
    if host.over:
        if name != b"http/1.1":
            host.refused(door, link)
            return None
        door = door.over()
    if name == b"http/1.1":
        return Downstream(host, door, client, link)
    if name == b"tcp":
        return Splice(host, door, link, None).near
    return None


class Tunnelling(Downstream):
    """A client of the proxy port: CONNECT opens a tunnel to a target, and what is said in it is detected again."""

    __slots__ = ("_makers",)

    def __init__(self, host: Host, makers: Makers, door: Door, client: Peer) -> None:
        super().__init__(host, door, client, None)
        self._makers = makers

    def on_head(self, head: Request, data: bytes, last: bool) -> None:
        if head.method != b"CONNECT" or self.door.shut:
            super().on_head(head, data, last)
            return
        target = self.host.target(head.authority)
        if target is None:
            self.write(render(refusal("bad-authority"), close=True))
            self.transport.close()
            return
        self.host.open.discard(self)
        inner = Door(
            self.door.direction,
            self.door.stack,
            name=self.door.name,
            port=self.door.port,
            service=target.service,
            target=target,
            authority=head.authority,
            opaque=target.opaque,
        )
        self.host.bounds.waiting -= self.stuck  # of answers before it; whoever takes over knows nothing of that
        self.stuck = 0
        held = self.tunnel()
        self.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        Peeking(self.host, self._makers, inner, self.client.address).take(self.transport, held)


class Peeking(asyncio.Protocol):
    """The beginning of a tunnel, until it is known what it carries."""

    def __init__(self, host: Host, makers: Makers, door: Door, address: str) -> None:
        self._host = host
        self._makers = makers
        self._door = door
        self._address = address
        self._held = b""
        self._transport: Any = None
        self._timer: asyncio.TimerHandle | None = None

    def take(self, transport: Any, held: bytes) -> None:
        """Take over a transport with what was already read from it."""
        self._transport = transport
        self._host.open.add(self)
        transport.set_protocol(self)
        self._timer = self._host.loop.call_later(self._host.runtime.rules.detect_timeout_s, self._give_up)
        self.data_received(held)

    def data_received(self, data: bytes) -> None:
        self._held += data
        detected = detect(self._held) if not self._door.opaque else Detected(Kind.OPAQUE)
        if detected.kind is not Kind.MORE:
            self._settle(detected)

    def eof_received(self) -> bool | None:
        """No more will come to tell it by: what was said is all of it, and may still be answered."""
        if not self._held:
            return False
        return self._settle(conclude(self._held)).eof_received()

    def connection_lost(self, error: BaseException | None) -> None:
        self._host.open.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    def drain(self) -> None:
        """Nothing was said yet that would be lost."""
        self._transport.close()

    def cut(self, why: str) -> None:
        """Nobody waits for an answer yet."""
        self._transport.close()

    def tick(self) -> None:
        """It has a time limit of its own."""

    def standing(self) -> Iterator[tuple[Standing, Mark]]:
        """Yield nothing: nobody was sent anything yet."""
        yield from ()

    def _give_up(self) -> None:
        self._settle(conclude(self._held))

    def _settle(self, detected: Detected) -> asyncio.Protocol:
        self._host.open.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if detected.kind is Kind.MESH:
            detected = Detected(Kind.TLS, detected.hello)
        protocol = plain(self._host, self._makers, self._door, self._address, detected)
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        if self._held:
            protocol.data_received(self._held)
        return protocol
