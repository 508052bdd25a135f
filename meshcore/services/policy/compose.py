"""The policy of one workload, put together from the description of the whole mesh. Pure; serve.py sends it."""

from collections.abc import Iterable, Mapping

from meshcore.services.policy.document import Description, RouteRule, Service
from meshcore.wire.policy_pb2 import PortPolicy, Route, RouteMatch, ServicePolicy, WorkloadPolicy


def policy(description: Description, namespace: str, name: str, ports: Mapping[str, int]) -> WorkloadPolicy:
    """Return a workload's policy without a version; `ports` are those of the instance that asks, by name."""
    own = description.find(namespace, name)
    return WorkloadPolicy(
        inbound=_inbound(own, ports) if own else (),
        outbound=[one for service in description.services if service.routes for one in _outbound(service)],
    )


def _inbound(service: Service, ports: Mapping[str, int]) -> list[PortPolicy]:
    numbers = {name: number for name, number in service.ports if number} | dict(ports)
    found = [
        PortPolicy(
            port=number,
            opaque=bool(service.opaque & {name, str(number)}),
            routes=_routes(service.routes, {name, str(number)}),
        )
        for name, number in sorted(numbers.items())
    ]
    found.append(PortPolicy(port=0, routes=_routes(service.routes, set())))
    return [one for one in found if one.routes or one.opaque]


def _outbound(service: Service) -> list[ServicePolicy]:
    """Return the routes of a service as its callers see them: by port where that is known, else for every port."""
    found = [
        ServicePolicy(
            namespace=service.namespace,
            name=service.name,
            port=number,
            routes=_routes(service.routes, {name, str(number)}),
        )
        for name, number in service.ports
        if number
    ]
    elsewhere = {name for name, number in service.ports if not number}
    found.append(
        ServicePolicy(namespace=service.namespace, name=service.name, routes=_routes(service.routes, elsewhere))
    )
    return [one for one in found if one.routes]


def _routes(rules: Iterable[RouteRule], port: set[str]) -> list[Route]:
    """Return the routes that concern a port, which goes by several names."""
    return [
        Route(name=rule.name, matches=[_match(rule)], request_timeout_ms=rule.timeout_ms)
        for rule in rules
        if not rule.port or rule.port in port
    ]


def _match(rule: RouteRule) -> RouteMatch:
    return RouteMatch(
        method=rule.method, path_exact=rule.path, path_prefix=rule.path_prefix, path_regex=rule.path_regex
    )
