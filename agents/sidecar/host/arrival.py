"""A connection that was just accepted: looks at its first bytes without taking them, and hands its socket on.

`MSG_PEEK` comes first because bytes that a transport has read cannot be given back to TLS: only a raw socket can still
become mesh TLS, foreign TLS that is passed on, HTTP or opaque bytes, all on one port.
"""

import asyncio
import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from agents.sidecar.engine.detect import HANDSHAKE, PEEK, Detected, Kind, conclude, detect
from agents.sidecar.engine.exchange import INBOUND
from agents.sidecar.host.handshake import detail, refuse, why
from agents.sidecar.host.host import OVER, Host
from agents.sidecar.host.serve import client_of, plain
from agents.sidecar.state.doors import Door

if TYPE_CHECKING:
    from agents.sidecar.host.listener import Listener

HANDSHAKE_S = 10.0
# On an opaque port only the mesh's own ClientHello is looked for. A sidecar sends it at once, so who says nothing for
# this long is a client without one that waits for the server to speak first.
OPAQUE_S = 2.0
DISCOVERY_S = 1.0  # how long a connection waits for the first word of discovery
OVER_S = 1.0  # how long one that is over the limit may take to show how it wants to be told
_OPAQUE = Detected(Kind.OPAQUE)
_TOLD = (Kind.HTTP1, Kind.HTTP2)  # as are the streams of the mesh's connections, one by one


class Arrival:
    """An accepted socket that has not shown yet what it speaks."""

    __slots__ = ("_accepted", "_address", "_door", "_listener", "_over", "_timer", "_waiting")

    def __init__(
        self, listener: "Listener", door: Door, accepted: socket.socket, address: str, *, over: bool = False
    ) -> None:
        self._listener = listener
        self._door = door
        self._accepted = accepted
        self._address = address
        self._over = over  # the limit on connections
        self._timer: asyncio.TimerHandle | None = None
        self._waiting = False

    def discover(self) -> None:
        """Look once discovery has said what is there: whether to look at all depends on that."""
        target = self._door.target
        assert target is not None
        target.wait(self._discovered)
        self._timer = self._listener.host.loop.call_later(DISCOVERY_S, self._undiscovered)
        self._listener.arrivals.add(self)

    def look(self) -> None:
        """See what has come; wait for more if it does not suffice."""
        door = self._door
        opaque = self._listener.opaque(door)
        if opaque and door.direction != INBOUND:
            self._settle(_OPAQUE)
            return
        try:
            data = self._accepted.recv(PEEK, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            self._wait(0)
            return
        except OSError:
            self.drop()
            return
        if not data and not opaque:
            self.drop()
            return
        detected = _OPAQUE if opaque and data[:1] != HANDSHAKE else detect(data)
        if detected.kind is not Kind.MORE:
            self._settle(detected)
        elif self._waiting and self._accepted.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == len(data) + 1:
            self._settle(_OPAQUE)  # woken without more: the client has shut its side and will say no more
        else:
            self._wait(len(data))

    def refuse(self) -> None:
        """It is one too many: tell it, if it speaks something in which that can be said."""
        host = self._listener.host
        host.crowded()
        if host.over > OVER:
            self._refused()
        else:
            self.look()

    def _refused(self) -> None:
        host, door = self._listener.host, self._door
        host.refused(door, door.link(client_of(host, door, self._address)) if door.direction == INBOUND else None)
        self.drop()

    def drop(self) -> None:
        """Close it unanswered."""
        self._leave()
        if self._door.target is not None:
            self._door.target.forget(self._discovered)
        self._accepted.close()

    def _wait(self, have: int) -> None:
        # Peeked bytes stay, so the socket would be readable all the time: wake at one byte more.
        self._accepted.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, have + 1)
        if not self._waiting:
            self._waiting = True
            loop = self._listener.host.loop
            loop.add_reader(self._accepted, self.look)
            limit = self._listener.host.runtime.rules.detect_timeout_s
            if self._over:
                limit = OVER_S
            elif self._listener.opaque(self._door):
                limit = min(limit, OPAQUE_S)
            self._timer = loop.call_later(limit, self._give_up)
            self._listener.arrivals.add(self)

    def _discovered(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._listener.arrivals.discard(self)
        self.look()

    def _undiscovered(self) -> None:
        """Discovery is away, and has never said anything of this target."""
        door, ways = self._door, self._listener.ways
        assert door.target is not None
        assert ways is not None
        door.target.forget(self._discovered)
        self._door = ways.undiscovered(door)
        self._timer = None
        self._discovered()

    def _give_up(self) -> None:
        """It waits for the server to speak first, or is slow with what it has begun."""
        self._timer = None
        detected = _OPAQUE
        if not self._listener.opaque(self._door):
            with suppress(OSError):
                detected = conclude(self._accepted.recv(PEEK, socket.MSG_PEEK))
        self._settle(detected)

    def _leave(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._listener.arrivals.discard(self)
        if self._waiting:
            self._listener.host.loop.remove_reader(self._accepted)

    def _settle(self, detected: Detected) -> None:
        accepted, listener, door = self._accepted, self._listener, self._door
        mesh = detected.kind is Kind.MESH and door.direction == INBOUND and listener.contexts.server is not None
        if self._over and not mesh and detected.kind not in _TOLD:
            self._refused()
            return
        self._leave()
        if self._waiting:
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        if accepted.family != socket.AF_UNIX:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tls: ssl.SSLContext | None = None
        protocol: asyncio.Protocol
        if mesh:
            tls = listener.contexts.server
            protocol = listener.makers.hop(door)
        else:
            if detected.kind is Kind.MESH:
                detected = Detected(Kind.TLS, detected.hello)
            protocol = plain(
                listener.host, listener.makers, door.over() if self._over else door, self._address, detected
            )
        task = listener.host.loop.create_task(_hand_over(listener.host, accepted, protocol, tls, self._address))
        listener.tasks.add(task)
        task.add_done_callback(listener.tasks.discard)


async def _hand_over(
    host: Host, accepted: socket.socket, protocol: Any, tls: ssl.SSLContext | None, address: str
) -> None:
    """Give a socket to a transport; who fails the handshake has not said a byte to anybody."""
    try:
        await host.loop.connect_accepted_socket(
            lambda: protocol, accepted, ssl=tls, ssl_handshake_timeout=HANDSHAKE_S if tls else None
        )
    except (OSError, ssl.SSLError) as error:
        accepted.close()
        if tls is not None:
            refuse(host.runtime.certs, host.runtime.log, "inbound", why(error), address, detail(error))
