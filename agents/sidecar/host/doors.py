"""Makes the doors that a sidecar's configuration asks for: the application's ports, and where clients mean to go.

main opens listeners with them; host/original_dst asks for one per address that a redirected connection was going to.
"""

from dataclasses import replace

from agents.runtime.config import Inbound, Outbound, SidecarConfig
from agents.sidecar.engine.exchange import INBOUND, OUTBOUND
from agents.sidecar.engine.stack import Stack
from agents.sidecar.state.doors import Door
from agents.sidecar.state.endpoints import Endpoint, EndpointSet
from agents.sidecar.state.peers import ServiceKey
from agents.sidecar.state.runtime import Runtime
from meshcore.wire import common_pb2
from meshcore.wire.ids import parse_target

# Ports whose servers speak first (prior art: what Linkerd takes for opaque unless told otherwise).
SERVER_FIRST = frozenset((25, 587, 3306, 4444, 5432, 6379, 9300, 11211))
PROTOCOLS = {
    "http": common_pb2.HTTP1,
    "http1": common_pb2.HTTP1,
    "http2": common_pb2.HTTP2,
    "h2": common_pb2.HTTP2,
    "h2c": common_pb2.HTTP2,
    "grpc": common_pb2.GRPC,
    "tcp": common_pb2.TCP,
    "opaque": common_pb2.TCP,
}


class Doors:
    """The doors of one sidecar, with its two stacks."""

    def __init__(self, runtime: Runtime, inward: Stack, outward: Stack) -> None:
        self.runtime = runtime
        self.config: SidecarConfig = runtime.config
        self._inward = inward
        self._outward = outward

    def application(self, inbound: Inbound, ip: str = "127.0.0.1") -> Door:
        """Return the door to one of the application's ports, which listens on `ip` unless configured otherwise."""
        config = self.config
        service = ServiceKey(config.namespace, config.name, inbound.port)
        # The application itself proves no identity: plain bytes, on this machine.
        me = replace(self.runtime.me, identity="")
        return Door(
            INBOUND,
            self._inward,
            name=inbound.name,
            port=inbound.port,
            service=service,
            endpoint=Endpoint(inbound.host or ip, inbound.port, peer=me, service=service),
            # As clients' sidecars show it: a number that nobody has chosen (`auto`) tells nothing.
            authority=f"{config.name}.{config.namespace}:{inbound.name or inbound.port}".encode(),
            opaque=opaque(inbound),
            protocol=int(PROTOCOLS.get(inbound.protocol, common_pb2.PROTOCOL_UNKNOWN)),
        )

    def upstream(self, outbound: Outbound) -> Door:
        """Return the door of a declared upstream."""
        named = parse_target(outbound.target, self.config.namespace)
        target = self.runtime.discover(str(named) if named else outbound.target)
        target.kept = True  # its door is there as long as this process
        return self.outward(target, name=outbound.target, authority=target.target.encode())

    def outward(self, target: EndpointSet, *, name: str, authority: bytes = b"", port: int = 0) -> Door:
        """Return a door to a target; `port` is that of the address, where there is one."""
        return Door(
            OUTBOUND,
            self._outward,
            name=name,
            service=target.service,
            target=target,
            authority=authority,
            opaque=port in SERVER_FIRST,
        )

    def proxy(self) -> Door:
        """Return the door of clients that name their targets themselves."""
        return Door(OUTBOUND, self._outward, name="proxy", service=ServiceKey())

    def redirected(self, direction: int) -> Door:
        """Return what a listener for redirected connections is called; each of these has its own door."""
        inward = direction == INBOUND
        return Door(
            direction,
            self._inward if inward else self._outward,
            name="redirected inbound" if inward else "redirected outbound",
            service=ServiceKey(),
        )


def opaque(inbound: Inbound) -> bool:
    """Tell whether a port of the application is left alone."""
    if inbound.protocol:
        return inbound.opaque or inbound.protocol in ("tcp", "opaque")
    return inbound.opaque or inbound.port in SERVER_FIRST
