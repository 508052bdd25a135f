"""Where a redirected connection was going, and the door that follows from it: transparent mode.

The rules of `agents redirect` send a pod's connections to two listeners; the kernel remembers where each was going
(`SO_ORIGINAL_DST`). `Inward` takes that for the application's port, `Outward` for the target. Whatever would lead
back to this sidecar, or on to somebody else's machine, is refused.
"""

import socket
import time
from collections.abc import Iterable, Mapping

from agents.runtime.config import Inbound
from agents.sidecar.host.doors import Doors
from agents.sidecar.state.doors import Door
from agents.sidecar.state.endpoints import Endpoint, EndpointSet
from agents.sidecar.state.peers import TLS_NONE, Peer
from meshcore.wire.ids import join

SO_ORIGINAL_DST = 80  # linux/netfilter_ipv4.h; IP6T_SO_ORIGINAL_DST is the same number
QUIET_S = 10.0
DOORS = 1000  # kept at a time: whoever connects chooses the addresses
_LOOPBACK = frozenset(("127.0.0.1", "::1"))

Address = tuple[str, int]


def original(accepted: socket.socket) -> Address:
    """Return the address that a client dialled; OSError where nothing was redirected."""
    if accepted.family == socket.AF_INET6:
        found = accepted.getsockopt(socket.IPPROTO_IPV6, SO_ORIGINAL_DST, 28)  # struct sockaddr_in6
        return socket.inet_ntop(socket.AF_INET6, found[8:24]), int.from_bytes(found[2:4], "big")
    found = accepted.getsockopt(socket.IPPROTO_IP, SO_ORIGINAL_DST, 16)  # struct sockaddr_in
    return socket.inet_ntop(socket.AF_INET, found[4:8]), int.from_bytes(found[2:4], "big")


class _Redirected:
    """What both directions share: `listeners` are this sidecar's own ports, where nothing may be redirected to."""

    def __init__(self, doors: Doors, listeners: Iterable[int]) -> None:
        self._doors = doors
        self._listeners = frozenset(listeners)
        self._known: dict[Address, Door] = {}
        self._quiet_until = 0.0

    def _destination(self, accepted: socket.socket) -> Address | None:
        """Return the address that a client dialled; None if it dialled this sidecar itself."""
        try:
            ip, port = original(accepted)
        except OSError as error:
            self._refuse("a connection that was not redirected here: %s", error.strerror)
            return None
        own = ip in self._doors.config.transparent.addresses or ip in _LOOPBACK  # type: ignore[union-attr]
        if own and port in self._listeners:
            self._refuse("a connection to the sidecar's own port %d", port)
            return None
        return ip, port

    def _refuse(self, text: str, *more: object) -> None:
        now = time.monotonic()
        if now >= self._quiet_until:  # whoever knocks again and again does not fill the log
            self._quiet_until = now + QUIET_S
            self._doors.runtime.log.warning("refused " + text, *more)

    def _keep(self, address: Address, door: Door) -> Door:
        if len(self._known) >= DOORS:
            for known in self._known.values():
                if known.endpoint is not None:
                    known.endpoint.gone = True  # its idle connections are closed by and by
            self._known.clear()
        self._known[address] = door
        return door


class Inward(_Redirected):
    """Doors to the application, by the port that the client dialled. `ports` are those that are described."""

    def __init__(self, doors: Doors, listeners: Iterable[int], ports: Mapping[int, Inbound]) -> None:
        super().__init__(doors, listeners)
        self._ports = ports
        self._addresses = frozenset(doors.config.transparent.addresses)  # type: ignore[union-attr]

    def door(self, accepted: socket.socket) -> Door | None:
        """Return the door of a connection that came from outside; None: it is refused."""
        address = self._destination(accepted)
        if address is None:
            return None
        door = self._known.get(address)
        if door is not None:
            return door
        ip, port = address
        if ip not in self._addresses:
            self._refuse("a connection to %s, which is not this pod", ip)
            return None
        # Straight to the address that was dialled: what listens on loopback only stays this pod's own.
        inbound = self._ports.get(port) or Inbound(name="", port=port)
        return self._keep(address, self._doors.application(inbound, ip))

    def undiscovered(self, door: Door) -> Door:
        """Nothing is to be discovered on the way in."""
        return door


class Outward(_Redirected):
    """Doors to wherever the application was going: the address decides, whatever its requests name."""

    def __init__(self, doors: Doors, listeners: Iterable[int]) -> None:
        super().__init__(doors, listeners)
        self._alone: dict[str, Door] = {}  # of targets that discovery has been silent about

    def door(self, accepted: socket.socket) -> Door | None:
        """Return the door of a connection that the application opened; None: it is refused."""
        address = self._destination(accepted)
        if address is None:
            return None
        ip, port = address
        text = join(ip, port)
        target = self._doors.runtime.discover(text)
        target.used = time.perf_counter()
        door = self._known.get(address)
        if door is not None and door.target is target:
            return door
        if target.fallback is None:
            target.fallback = _plain(ip, port, "not_provided_by_service_discovery")
        return self._keep(address, self._doors.outward(target, name=text, port=port))

    def undiscovered(self, door: Door) -> Door:
        """Go to the address itself: that the control plane is away is no reason to cut a pod off."""
        alone = self._alone.get(door.name)
        if alone is not None:
            return alone
        if len(self._alone) >= DOORS:
            for known in self._alone.values():
                if known.target is not None:
                    known.target.leave()
            self._alone.clear()
        assert door.target is not None
        assert door.target.fallback is not None
        ip, port = door.target.fallback.ip, door.target.fallback.port
        target = EndpointSet(door.target.target)
        target.exists = False
        target.fallback = _plain(ip, port, "discovery_timeout")
        alone = self._alone[door.name] = self._doors.outward(target, name=door.name, port=port)
        return alone


def _plain(ip: str, port: int, reason: str) -> Endpoint:
    return Endpoint(ip, port, peer=Peer(address=join(ip, port), tls=TLS_NONE, no_tls_reason=reason))
