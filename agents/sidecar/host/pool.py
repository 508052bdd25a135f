"""HTTP/1 connections to one endpoint, kept for the next request. One per endpoint, on the endpoint itself.

host/downstream takes, host/upstream puts itself back.
"""

from typing import TYPE_CHECKING

from agents.sidecar.host.upstream import Upstream
from agents.sidecar.state.endpoints import Endpoint

if TYPE_CHECKING:
    from agents.sidecar.host.downstream import Downstream
    from agents.sidecar.host.host import Host

IDLE_LIMIT = 128


class Pool:
    """The last one used is the next one taken: the others grow old together and are closed."""

    __slots__ = ("endpoint", "host", "idle", "open")

    def __init__(self, host: "Host", endpoint: Endpoint) -> None:
        self.host = host
        self.endpoint = endpoint
        self.idle: list[Upstream] = []
        self.open = 0
        host.pools.append(self)

    def connect(self, down: "Downstream") -> Upstream:
        """Return a new connection, which takes a request at once and sends it when it can."""
        upstream = Upstream(self)
        upstream.down = down
        if not self.endpoint.meshed:
            upstream.flow = self.host.outward(self.endpoint)
        self.open += 1
        self.host.dialer.open(self.endpoint, b"http/1.1", upstream)
        return upstream

    def take(self, down: "Downstream") -> Upstream:
        """Return a connection for a request: the last one used, or a new one."""
        idle = self.idle
        while idle:
            upstream = idle.pop()
            if _leaving(upstream):
                upstream.retire()
            elif not upstream.transport.is_closing():  # it may have been lost in this very turn of the loop
                return upstream
        return self.connect(down)

    def forget(self, upstream: Upstream) -> None:
        """A connection is over."""
        if upstream in self.idle:
            self.idle.remove(upstream)

    def keep(self, upstream: Upstream) -> bool:
        """Take a connection back; False: it is not wanted."""
        if len(self.idle) >= IDLE_LIMIT or self.endpoint.gone or _leaving(upstream):
            return False
        self.idle.append(upstream)
        return True

    def expire(self, before: float) -> None:
        """Close what has been idle since before a time, or is leaving; everything idle, if the endpoint is gone."""
        if self.endpoint.gone:
            before = float("inf")
        old = [upstream for upstream in self.idle if upstream.since < before or _leaving(upstream)]
        self.idle = [upstream for upstream in self.idle if upstream not in old]
        for upstream in old:
            upstream.retire()


def _leaving(upstream: Upstream) -> bool:
    """Tell whether it is a stream of a hop that ends after its streams: kept in use, it would keep the hop up."""
    hop = upstream.hop
    return hop is not None and hop.leaving
