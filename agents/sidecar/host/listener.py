"""Listening: accepts connections and shows each to the door that it came to.

What a connection speaks is found out by its `Arrival` (host/arrival).
"""

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Protocol

from agents.sidecar.host.arrival import Arrival
from agents.sidecar.host.dial import keep_alive
from agents.sidecar.host.host import Host
from agents.sidecar.host.serve import Makers
from agents.sidecar.host.tls import Contexts
from agents.sidecar.state.doors import Door
from meshcore.wire.ids import join

_AT_ONCE = 64
_FULL = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_PAUSE_S = 0.5


class Ways(Protocol):
    """Tells connections to one listener apart by where they were going (host/original_dst)."""

    def door(self, accepted: socket.socket) -> Door | None:
        """Return the door of a connection; None: it is refused."""

    def undiscovered(self, door: Door) -> Door:
        """Return the door of a connection whose target discovery has not answered for in time."""


def _keep(listener: "Listener", accepted: socket.socket) -> bool:
    """Hand nothing over: a sidecar of one process."""
    return False


class Listener:
    """One listening socket and its door; with `ways`, connections have each their own.

    Without a socket, another process of this sidecar accepts, and hands over (crew/handover).
    """

    def __init__(
        self,
        host: Host,
        makers: Makers,
        contexts: Contexts,
        door: Door,
        listening: socket.socket | None,
        ways: Ways | None = None,
    ) -> None:
        self.host = host
        self.ways = ways
        self.makers = makers
        self.contexts = contexts
        self.door = door
        self.listening = listening
        self.share: Callable[[Listener, socket.socket], bool] = _keep  # has another process taken it over?
        self.arrivals: set[Arrival] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        host.listeners.append(self)
        if listening is not None:
            keep_alive(listening)  # what it accepts inherits it

    def start(self) -> None:
        """Accept from now on."""
        if self.listening is not None:
            self.host.loop.add_reader(self.listening, self._accept)

    def stop(self) -> None:
        """Accept no more, and forget who has not said anything yet. The socket itself stays with whoever opened it."""
        if self.listening is not None:
            self.host.loop.remove_reader(self.listening)
            self.listening.close()
        for arrival in tuple(self.arrivals):
            arrival.drop()

    def opaque(self, door: Door) -> bool:
        """Tell whether configuration, policy or discovery wants a door's connections left alone."""
        if door.target is not None:
            return door.opaque or door.target.opaque
        return door.opaque or self.host.runtime.rules.opaque(door.port)

    def take(self, accepted: socket.socket) -> None:
        """Let in a connection that another process has accepted."""
        try:
            address = accepted.getpeername()
        except OSError:
            accepted.close()  # it has gone again
            return
        accepted.setblocking(False)
        self._admit(accepted, join(address[0], address[1]) if address else "")

    def _accept(self) -> None:
        assert self.listening is not None
        for _ in range(_AT_ONCE):
            try:
                accepted, address = self.listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                self._pause(error)
                return
            if self.share(self, accepted):
                continue
            accepted.setblocking(False)
            self._admit(accepted, join(address[0], address[1]) if address else "")

    def _admit(self, accepted: socket.socket, address: str) -> None:
        door = self.door if self.ways is None else self.ways.door(accepted)
        if door is None:
            accepted.close()
        elif self.host.over:
            Arrival(self, door, accepted, address, over=True).refuse()
        elif self.ways is None:
            Arrival(self, door, accepted, address).look()
        elif door.target is not None and door.target.exists is None:
            Arrival(self, door, accepted, address).discover()
        else:
            Arrival(self, door, accepted, address).look()

    def _pause(self, error: OSError) -> None:
        """No descriptors left: open connections go on, new ones wait in the backlog."""
        loop = self.host.loop
        assert self.listening is not None
        loop.remove_reader(self.listening)
        loop.call_later(_PAUSE_S, self._resume)
        self.host.say("descriptors", "accepting pauses: %s; open connections go on", error.strerror)

    def _resume(self) -> None:
        if self.listening is not None and self.listening.fileno() >= 0 and not self.host.runtime.drain.draining:
            self.start()
