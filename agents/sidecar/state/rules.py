"""What policy says about traffic: routes by port and by service, opaque ports, the detection limit.

feeds/policy calls `apply` with each WorkloadPolicy; stages/route asks for a matcher. Expressions are compiled when a
policy arrives; one that does not compile is left out and named in `refused`, never raised at a request.
"""

import re
from collections.abc import Callable, Iterable

from agents.sidecar.state.peers import ServiceKey
from agents.sidecar.state.routes import NO_ROUTES, Routes
from meshcore.wire import policy_pb2

DETECT_TIMEOUT_S = 10.0


def _nobody(_: policy_pb2.WorkloadPolicy) -> None:
    """Nobody else is told: a sidecar of one process."""


class Rules:
    """The policy in force."""

    def __init__(self, detect_timeout_s: float = DETECT_TIMEOUT_S) -> None:
        self.version = 0
        self.detect_timeout_s = detect_timeout_s
        self._detect_timeout_s = detect_timeout_s  # where policy says nothing
        self.refused: tuple[str, ...] = ()
        self.routed = False  # there are routes, of whatever port or service
        self.watchers: list[Callable[[], None]] = []  # called when that changes
        self.told: Callable[[policy_pb2.WorkloadPolicy], None] = _nobody  # called with each policy that is applied
        self._inbound: dict[int, Routes] = {}
        self._outbound: dict[tuple[str, str, int], Routes] = {}
        self._opaque: frozenset[int] = frozenset()

    def apply(self, policy: policy_pb2.WorkloadPolicy) -> None:
        """Replace everything by what a policy says."""
        refused: list[str] = []
        self._inbound = {port.port: self._routes(port.routes, refused) for port in policy.inbound}
        self._outbound = {
            (service.namespace, service.name, service.port): self._routes(service.routes, refused)
            for service in policy.outbound
        }
        self._opaque = frozenset(port.port for port in policy.inbound if port.opaque)
        self.detect_timeout_s = policy.detect_timeout_ms / 1000 or self._detect_timeout_s
        self.refused = tuple(refused)
        self.version = policy.version
        routed = not all(routes.empty for routes in (*self._inbound.values(), *self._outbound.values()))
        if routed != self.routed:
            self.routed = routed
            for watcher in self.watchers:
                watcher()
        self.told(policy)

    def inbound(self, port: int) -> Routes:
        """Return the routes of one of the application's ports."""
        return self._inbound.get(port) or self._inbound.get(0, NO_ROUTES)

    def outbound(self, service: ServiceKey) -> Routes:
        """Return the routes of a service that is called."""
        found = self._outbound.get(service)
        return found or self._outbound.get((service.namespace, service.name, 0), NO_ROUTES)

    def opaque(self, port: int) -> bool:
        """Tell whether a port of the application is to be left alone."""
        return port in self._opaque

    def _routes(self, routes: Iterable[policy_pb2.Route], refused: list[str]) -> Routes:
        good: list[policy_pb2.Route] = []
        for route in routes:
            try:
                Routes([route])
            except re.error as error:
                refused.append(f"{route.name}: {error}")
            else:
                good.append(route)
        return Routes(good) if good else NO_ROUTES
