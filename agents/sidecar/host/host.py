"""What every connection of the data plane shares: the runtime, the loop, the pools and the ways to an endpoint.

main makes one; downstream and upstream protocols hold it.
"""

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agents.sidecar.engine.balance import choose
from agents.sidecar.engine.exchange import INBOUND, OUTBOUND
from agents.sidecar.engine.http2.limits import APPLICATION
from agents.sidecar.host.shed import Shed
from agents.sidecar.host.violation import DST, report
from agents.sidecar.state.bounds import CONNECTIONS
from agents.sidecar.state.cells import TcpCell
from agents.sidecar.state.doors import Door
from agents.sidecar.state.endpoints import Endpoint, EndpointSet
from agents.sidecar.state.peers import TLS_NONE, UNKNOWN_PEER, Link, Peer
from agents.sidecar.state.runtime import Runtime
from meshcore.wire.ids import parse_target

if TYPE_CHECKING:
    from agents.sidecar.host.dial import Dialer
    from agents.sidecar.host.listener import Listener
    from agents.sidecar.host.pool import Pool

IDLE_S = 60.0  # how long an upstream connection is kept without a request
HEAD_TICKS = 6  # of the sweep, every 5 s: how long a client may take over a head
IDLE_TICKS = 720  # an hour, after which a client that asks for nothing is let go
HOLD_S = 3.0  # how long a request waits for discovery, or for an endpoint to come back
QUIET_S = 60.0
TARGETS = 2000  # names that are remembered: clients of the proxy port choose them
OVER = 128  # connections above the limit that are told so; those above these are closed without a word


class Host:
    """The data plane's shared parts. `open` holds every downstream connection, for the drain."""

    def __init__(
        self, runtime: Runtime, loop: asyncio.AbstractEventLoop, dialer: "Dialer", random: Callable[[], float]
    ) -> None:
        self.runtime = runtime
        self.loop = loop
        self.dialer = dialer
        self.random = random
        self.numbers = itertools.count(1)
        self.open: set[Any] = set()
        self.draining = False  # as runtime.drain says, near at hand
        self.forbidden: set[bytes] = set()  # authorities that are this sidecar itself: a request there would go round
        self.pools: list[Pool] = []
        self.listeners: list[Listener] = []
        self.bounds = runtime.bounds
        self.shed = Shed(self.bounds)
        self.limits = replace(APPLICATION, streams=self.bounds.streams)  # of HTTP/2 clients
        self.bounds.clients = lambda: self.connections
        self._quiet: dict[str, float] = {}  # what is not said again before when
        self._targets: dict[bytes, EndpointSet | None] = {}
        runtime.directory.dropped = self._dropped

    @property
    def connections(self) -> int:
        """Return how many clients there are: those who have not said anything yet, too, and streams of the hop."""
        arriving = sum(len(listener.arrivals) + len(listener.tasks) for listener in self.listeners)
        return len(self.open) + arriving

    @property
    def over(self) -> int:
        """Return by how many connections the limit is exceeded if one more comes; 0: it may come."""
        return max(0, self.connections + 1 - self.bounds.connections)

    def crowded(self) -> None:
        """Say that connections are being refused."""
        limit = self.bounds.connections
        self.say("crowded", "%d connections are open, and more are refused (max_connections, descriptors)", limit)

    def say(self, what: str, text: str, *more: object) -> None:
        """Warn of something once a minute: whoever is flooded by clients has no need of a flooded log, too."""
        now = time.monotonic()
        if now >= self._quiet.get(what, 0.0):
            self._quiet[what] = now + QUIET_S
            self.runtime.log.warning(text, *more)

    def refused(self, door: Door, link: Link | None) -> None:
        """Count a connection that was closed because it was one too many, where nobody could be told."""
        self.bounds.refused[CONNECTIONS] += 1
        if link is None:
            link = door.target.link if door.target is not None else Link(UNKNOWN_PEER, door.service)
        cell = self.flow(door.direction, link)
        cell.opening()
        cell.closing(CONNECTIONS)

    def target(self, authority: bytes) -> EndpointSet | None:
        """Return the target that a client of the proxy port names; None: nothing that could be dialled."""
        try:
            return self._targets[authority]
        except KeyError:
            pass
        if len(self._targets) > TARGETS:
            self._forget_targets()
        found = self._targets[authority] = self._resolve(authority)
        return found

    def _resolve(self, authority: bytes) -> EndpointSet | None:
        text = authority.decode("latin-1").lower()
        if not text or authority in self.forbidden:
            return None
        name, port = _split(text)
        if port < 0:
            return None
        target = parse_target(text, self.runtime.me.namespace)
        if target is not None and not name.replace(".", "").isdigit():
            found = self.runtime.discover(str(target))
        else:
            found = EndpointSet(text)
            found.exists = False
        if found.fallback is None and port != 0:
            peer = Peer(address=f"{name}:{port}", tls=TLS_NONE, no_tls_reason="not_provided_by_service_discovery")
            found.fallback = Endpoint(name, port, peer=peer)
        return found

    def _forget_targets(self) -> None:
        """Make room for other names. What discovery does not follow is known here alone, and has nobody else to end."""
        followed = self.runtime.directory.sets
        for known in self._targets.values():
            if known is not None and followed.get(known.target) is not known:
                known.leave()
        self._targets.clear()

    def _dropped(self, target: EndpointSet) -> None:
        """Discovery follows a target no longer: whoever names it next has it followed anew."""
        self._targets = {authority: known for authority, known in self._targets.items() if known is not target}

    def flow(self, direction: int, link: Link) -> TcpCell:
        """Return where the connections of an edge are counted."""
        edge = link.edge
        if edge is None:
            peer, service = link.peer, link.service
            edge = link.edge = self.runtime.counters.edge(
                direction, peer, service.namespace, service.name, service.port, peer.tls, peer.no_tls_reason
            )
        cell: TcpCell = edge.tcp
        return cell

    def outward(self, endpoint: Endpoint) -> TcpCell | None:
        """Return where connections to an endpoint are counted; None: it is the application beside this sidecar.

        Opaque connections are counted one by one, not by the connection that carries them.
        """
        if endpoint.opaque or self._beside(endpoint):
            return None
        return self.flow(OUTBOUND, endpoint.link)

    def violated(self, endpoint: Endpoint, code: int, reason: str) -> None:
        """Tell of a server that has broken HTTP/2."""
        direction = INBOUND if self._beside(endpoint) else OUTBOUND
        report(self.runtime, direction, DST, replace(endpoint.peer, address=endpoint.id), code, reason)

    def _beside(self, endpoint: Endpoint) -> bool:
        """Tell whether it is the application beside this sidecar."""
        me, peer = self.runtime.me, endpoint.peer
        return bool(peer.pod) and (peer.namespace, peer.pod) == (me.namespace, me.pod)

    def sweep(self, now: float) -> None:
        """Close upstream connections that have been idle for long, forget endpoints that are gone, hurry clients."""
        for connection in tuple(self.open):
            connection.tick()
        self.shed.look(tuple(self.open))
        for pool in self.pools:
            pool.expire(now - IDLE_S)
        self.pools = [pool for pool in self.pools if pool.open or not pool.endpoint.gone]

    def elsewhere(self, target: EndpointSet | None, failed: Endpoint, now: float) -> Endpoint | None:
        """Return another endpoint than the one that could not be reached, if there is one."""
        if target is None:
            return None
        others = [endpoint for endpoint in target.endpoints if endpoint is not failed]
        return choose(others, now, self.random) if others else None


def _split(authority: str) -> tuple[str, int]:
    """Return host and port of an authority; port 80 if it has none, 0 if it is a name, -1 if it is no port at all."""
    host, colon, port = authority.rpartition(":")
    if not colon or authority.endswith("]"):
        return authority.strip("[]"), 80
    if not port.isdigit():
        return host, 0
    return host.strip("[]"), int(port) if 0 < int(port) < 65536 else -1
