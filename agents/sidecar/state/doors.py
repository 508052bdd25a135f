"""Doors: what the connections to one listening address are for.

main makes one per listener; the hosts of HTTP/1, HTTP/2, the mesh hop and TCP take from it the direction, the stack,
and the other end of the counted edge. Nothing here is made per request.
"""

import re

from agents.sidecar.engine.stack import Stack
from agents.sidecar.state.endpoints import Endpoint, EndpointSet
from agents.sidecar.state.peers import Link, Peer, ServiceKey

_LOCAL = re.compile(rb"(?:127\.[0-9.]+|localhost|\[::1\]|0\.0\.0\.0|)(?::[0-9]*)?")


class Door:
    """One listener's purpose. Inbound: `endpoint` is the application. Outbound: `target`; None for the proxy's port."""

    __slots__ = (
        "authority",
        "direction",
        "endpoint",
        "links",
        "name",
        "opaque",
        "port",
        "protocol",
        "service",
        "shown",
        "shut",
        "stack",
        "target",
    )

    def __init__(
        self,
        direction: int,
        stack: Stack,
        *,
        name: str = "",
        port: int = 0,
        service: ServiceKey,
        endpoint: Endpoint | None = None,
        target: EndpointSet | None = None,
        authority: bytes = b"",
        opaque: bool = False,
        protocol: int = 0,
        shut: bool = False,
    ) -> None:
        self.direction = direction
        self.stack = stack
        self.name = name
        self.port = port
        self.service = service
        self.endpoint = endpoint
        self.target = target
        self.authority = authority  # the service's own, shown where clients name only a loopback address
        self.opaque = opaque
        self.protocol = protocol  # 0: detect
        self.shut = shut  # whoever comes in by it is over a limit, and only told so
        self.links: dict[Peer, Link] = {}
        self.shown: dict[bytes, bytes] = {}

    def over(self) -> "Door":
        """Return the same door for a connection that is one too many."""
        made = Door(
            self.direction,
            self.stack.shut,
            name=self.name,
            port=self.port,
            service=self.service,
            endpoint=self.endpoint,
            target=self.target,
            authority=self.authority,
            opaque=self.opaque,
            protocol=self.protocol,
            shut=True,
        )
        made.links = self.links
        return made

    @property
    def proxy(self) -> bool:
        """Tell whether its clients name what they want themselves: http_proxy, CONNECT, Host."""
        return self.endpoint is None and self.target is None

    def show(self, authority: bytes) -> bytes:
        """Return what to show as the authority: the service, where a client could only name a local address."""
        found = self.shown.get(authority)
        if found is None:
            if len(self.shown) > 1000:
                self.shown.clear()
            local = self.authority and _LOCAL.fullmatch(authority) is not None
            found = self.shown[authority] = self.authority if local else authority
        return found

    def link(self, client: Peer) -> Link:
        """Return the inbound edge from a client: one for all its connections. Bounded by Counters, and here."""
        found = self.links.get(client)
        if found is None:
            if len(self.links) > 1000:
                self.links.clear()
            found = self.links[client] = Link(client, self.service)
        return found
