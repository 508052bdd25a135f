"""What objects of a cluster say of Services: ServiceProfiles, HTTPRoutes and GRPCRoutes, taken apart by Service; pure.

follow.py (the server's) hands in each object as it changes, and is told which Services that concerns; cluster.py
puts the policy of a workload together. An object that cannot be used is left out and named, the others stay in force.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from meshcore.kinds.gateway import GRPCRoute, HTTPRoute, ParentRef
from meshcore.kinds.profile import ServiceProfile
from meshcore.kinds.read import Resource, read
from meshcore.services.policy.matches import Untellable, of_condition, of_grpc, of_http
from meshcore.wire.duration import milliseconds
from meshcore.wire.policy_pb2 import Route, RouteMatch

GATEWAY_KINDS = ("HTTPRoute", "GRPCRoute")

Key = tuple[str, str]  # namespace, name
Rank = tuple[Any, ...]  # what comes first wins


class Rule(NamedTuple):
    """One route of a Service."""

    rank: Rank
    port: str  # of the Service, by name or number; empty: every port
    clients: str  # the namespace whose clients it is for; empty: everybody's
    gateway: bool
    route: Route


class Attached(NamedTuple):
    """What one object says of one Service."""

    service: Key
    rules: tuple[Rule, ...] = ()
    opaque: frozenset[str] = frozenset()  # ports by name or number


class Taken(NamedTuple):
    """What came of an object: the Services that it concerns, before or now, and what cannot be done of it."""

    services: set[Key]
    problem: str = ""


@dataclass(slots=True)
class Attachments:
    """All that is attached to Services."""

    problems: dict[tuple[str, str, str], str] = field(default_factory=dict)  # by kind, namespace and name
    _by_object: dict[tuple[str, str, str], tuple[Attached, ...]] = field(default_factory=dict)
    _by_service: dict[Key, dict[tuple[str, str, str], Attached]] = field(default_factory=dict)

    @property
    def services(self) -> list[Key]:
        """The Services to which something is attached."""
        return list(self._by_service)

    @property
    def opaque_services(self) -> set[Key]:
        """The Services of which some port is said to be opaque."""
        return {key for key, held in self._by_service.items() if any(one.opaque for one in held.values())}

    def has(self, service: Key) -> bool:
        return service in self._by_service

    def take(self, kind: str, key: Key, each: dict[str, Any] | None) -> Taken:
        """Take in an object as it is now; None: it has gone."""
        place = (kind, *key)
        before = {one.service for one in self._by_object.get(place, ())}
        made, problem = _attached(each) if each is not None else ((), "")
        self._put(place, made)
        if problem:
            self.problems[place] = problem
        else:
            self.problems.pop(place, None)
        return Taken(before | {one.service for one in made}, problem)

    def rules(self, service: Key, clients: str | None = None) -> list[Rule]:
        """Return the routes of a Service, the first first; as clients of a namespace see them, or the Service itself.

        Routes of a client's own namespace take the place of those that the Service's own has (GEP-1426).
        """
        found = [rule for one in self._by_service.get(service, {}).values() for rule in one.rules]
        own = clients is not None and any(rule.clients == clients for rule in found)
        chosen = [rule for rule in found if not rule.gateway or rule.clients == (clients if own else "")]
        return sorted(chosen, key=lambda rule: rule.rank)

    def opaque(self, service: Key, *names: str) -> bool:
        """Tell whether a port of a Service, by any of its names, is said to be opaque."""
        return any(not one.opaque.isdisjoint(names) for one in self._by_service.get(service, {}).values())

    def _put(self, place: tuple[str, str, str], made: tuple[Attached, ...]) -> None:
        for one in self._by_object.pop(place, ()):
            held = self._by_service[one.service]
            held.pop(place, None)
            if not held:
                del self._by_service[one.service]
        if made:
            self._by_object[place] = made
        for one in made:
            self._by_service.setdefault(one.service, {})[place] = one


def _attached(each: dict[str, Any]) -> tuple[tuple[Attached, ...], str]:
    """Return what an object says of Services, and what is wrong with it."""
    if each.get("kind") in GATEWAY_KINDS and not _concerns_services(each):
        return (), ""  # an ingress's, and none of our business
    reading = read(each)
    if reading.faults:
        more = f" (and {len(reading.faults) - 1} more)" if len(reading.faults) > 1 else ""
        return (), f"{reading.faults[0]}{more}"
    resource = reading.resource
    if resource is None:
        return (), ""
    problems: list[str] = []
    made: tuple[Attached, ...] = ()
    match resource.spec:
        case ServiceProfile() as spec:
            made = (_of_profile(resource, spec, problems),)
        case HTTPRoute() | GRPCRoute() as spec:
            made = tuple(_of_route(resource, spec, problems))
        case _:
            pass  # sidecars do nothing about it yet
    return made, problems[0] if problems else ""


def _concerns_services(each: dict[str, Any]) -> bool:
    spec = each.get("spec")
    parents = spec.get("parentRefs") if isinstance(spec, dict) else None
    return isinstance(parents, list) and any(isinstance(one, dict) and one.get("kind") == "Service" for one in parents)


def _of_profile(resource: Resource, spec: ServiceProfile, problems: list[str]) -> Attached:
    target = spec.target_ref
    rules: list[Rule] = []
    for at, each in enumerate(spec.routes):
        try:
            matches = of_condition(each.condition)
        except Untellable as error:
            problems.append(f"spec.routes[{at}].condition: is left out: {error}")
            continue
        if not matches:
            problems.append(f"spec.routes[{at}].condition: is left out: no request can fit it")
            continue
        rules.append(
            Rule(
                rank=(0, resource.created, resource.name, at),
                port=str(target.port) if target is not None and target.port is not None else "",
                clients="",
                gateway=False,
                route=Route(name=each.name, matches=matches, request_timeout_ms=_milliseconds(each.timeout)),
            )
        )
    service = (resource.namespace, target.name if target is not None else resource.name)
    return Attached(service, tuple(rules), frozenset(map(str, spec.opaque_ports)))


def _of_route(resource: Resource, spec: HTTPRoute | GRPCRoute, problems: list[str]) -> Iterator[Attached]:
    parents: dict[Key, list[ParentRef]] = {}
    for parent in spec.parent_refs:
        if parent.is_service:
            parents.setdefault((parent.namespace or resource.namespace, parent.name), []).append(parent)
    if not parents:
        return
    routes = list(_http(resource, spec, problems) if isinstance(spec, HTTPRoute) else _grpc(resource, spec, problems))
    for service, refs in parents.items():
        clients = resource.namespace if service[0] != resource.namespace else ""
        ports = sorted({str(ref.port or "") for ref in refs})
        yield Attached(
            service,
            tuple(Rule(rank, port, clients, True, route) for port in ports for rank, route in routes),
        )


def _http(resource: Resource, spec: HTTPRoute, problems: list[str]) -> Iterator[tuple[Rank, Route]]:
    for at, rule in enumerate(spec.rules):
        name = rule.name or _named(resource, at, len(spec.rules))
        timeout = _milliseconds(rule.timeouts.request if rule.timeouts is not None else None)
        for which, match in enumerate(rule.matches or (None,)):
            try:
                made = of_http(match) if match is not None else RouteMatch()
            except Untellable as error:
                problems.append(f"spec.rules[{at}].matches[{which}]: is left out: {error}")
                continue
            yield _rank(resource, made, at), Route(name=name, matches=[made], request_timeout_ms=timeout)


def _grpc(resource: Resource, spec: GRPCRoute, problems: list[str]) -> Iterator[tuple[Rank, Route]]:
    for at, rule in enumerate(spec.rules):
        name = rule.name or _named(resource, at, len(spec.rules))
        for which, match in enumerate(rule.matches or (None,)):
            try:
                made = of_grpc(match) if match is not None else RouteMatch(method="POST")
            except Untellable as error:
                problems.append(f"spec.rules[{at}].matches[{which}]: is left out: {error}")
                continue
            yield _rank(resource, made, at), Route(name=name, matches=[made])


def _named(resource: Resource, at: int, count: int) -> str:
    return resource.name if count == 1 else f"{resource.name}.{at + 1}"


def _rank(resource: Resource, match: RouteMatch, at: int) -> Rank:
    """Return what decides between matches that both fit (HTTPRouteRule.matches in the Gateway API)."""
    kind = 0 if match.path_exact else 1 if match.path_prefix else 2 if match.path_regex else 3
    return (1, kind, -len(match.path_prefix), not match.method, resource.created, resource.namespace, resource.name, at)


def _milliseconds(text: str | None) -> int:
    """Return a time limit; none at all, which the Gateway API writes as 0s, is 0."""
    if text is None:
        return 0
    try:
        return milliseconds(text)
    except ValueError:
        return 0
