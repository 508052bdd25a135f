"""The policy of a workload in a cluster: the routes of every Service for its calls, and its own for what it receives.

Pure; the server says which Services there are and which are behind a pod. Calls look the same to all workloads of a
namespace, so that part is made once for each, and kept until something changes.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from meshcore.services.policy.attach import Attachments, Key, Rule
from meshcore.wire.policy_pb2 import PortPolicy, Route, ServicePolicy, WorkloadPolicy


class Served(NamedTuple):
    """A port of a Service that a pod is behind, and the application's port that it leads to."""

    service: Key
    names: frozenset[str]  # of the Service's port: name and number
    port: int


Ports = Callable[[Key], Iterable[tuple[str, int]]]  # of a Service: name and number
Behind = Callable[[str, str], Iterable[Served]]  # a pod's, by namespace and name


class ClusterPolicy:
    """Composes policies. `renew` forgets what was kept."""

    def __init__(self, attachments: Attachments, ports: Ports, behind: Behind) -> None:
        self._attachments = attachments
        self._ports = ports
        self._behind = behind
        self._outbound: dict[str, list[ServicePolicy]] = {}  # by the clients' namespace

    def renew(self) -> None:
        """Forget what was made of the objects as they were."""
        self._outbound.clear()

    def compose(self, namespace: str, name: str, pod: str) -> WorkloadPolicy:
        """Return a workload's policy without a version."""
        outbound = self._outbound.get(namespace)
        if outbound is None:
            outbound = [one for key in sorted(self._attachments.services) for one in self._called(key, namespace)]
            self._outbound[namespace] = outbound
        return WorkloadPolicy(inbound=self._received(namespace, pod), outbound=outbound)

    def _called(self, service: Key, clients: str) -> list[ServicePolicy]:
        """Return the routes of a Service, by port where they differ."""
        rules = self._attachments.rules(service, clients)
        namespace, name = service
        found = [
            ServicePolicy(namespace=namespace, name=name, port=number, routes=_routes(rules, {port, str(number)}))
            for port, number in self._ports(service)
            if any(rule.port in (port, str(number)) for rule in rules if rule.port)
        ]
        found.append(ServicePolicy(namespace=namespace, name=name, routes=_routes(rules, frozenset())))
        return [one for one in found if one.routes]

    def _received(self, namespace: str, pod: str) -> list[PortPolicy]:
        found: dict[int, PortPolicy] = {}
        for service, names, port in self._behind(namespace, pod):
            opaque = self._attachments.opaque(service, *names)
            routes = _routes(self._attachments.rules(service), names)
            if opaque or routes:
                one = found.setdefault(port, PortPolicy(port=port))
                one.opaque |= opaque
                one.routes.extend(route for route in routes if route not in one.routes)
        return [found[port] for port in sorted(found)]


def _routes(rules: Iterable[Rule], port: Iterable[str]) -> list[Route]:
    """Return the routes that concern a port, which goes by several names."""
    names = set(port)
    return [rule.route for rule in rules if not rule.port or rule.port in names]
