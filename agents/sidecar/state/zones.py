"""A service's endpoints as the balancer chooses among them: those of this sidecar's own zone, and the others.

state/endpoints divides them anew when they change, so that a request pays nothing for it; engine/balance chooses. The
own zone is preferred as far as its endpoints can bear it. The rule is Envoy's (zone aware routing: a zone keeps as many
of its requests as its part of the endpoints allows, the rest goes to others) with the bound of Kubernetes' topology
aware routing (no endpoint is expected to bear over 20 % more than its share). Clients are taken to be spread evenly
over the zones that have endpoints, since nobody tells where they are. What the rule cannot foresee, endpoints that
fail, are slow or overrun, engine/balance sees by their latency.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from agents.sidecar.state.endpoints import Endpoint

OVERLOAD: Final = 1.2


class Group(NamedTuple):
    """Endpoints to choose from; `bounds` are their weights, summed up, and empty if all weigh the same."""

    endpoints: "tuple[Endpoint, ...]"
    bounds: tuple[int, ...] = ()


class Zones(NamedTuple):
    """Endpoints of the own zone and of the others; `share` of the requests may stay in the own one."""

    near: Group
    far: Group
    share: float


def group(endpoints: "Sequence[Endpoint]") -> Group:
    """Return endpoints as a group; those without a weight stay out of it."""
    taken = tuple(endpoint for endpoint in endpoints if endpoint.weight > 0)
    weights = [endpoint.weight for endpoint in taken]
    return Group(taken, tuple(accumulate(weights)) if len(set(weights)) > 1 else ())


def divide(endpoints: "Sequence[Endpoint]", zone: str) -> Zones | None:
    """Return a group's endpoints by zone; None if all are alike, or nobody knows which zone is the own one."""
    near = group([endpoint for endpoint in endpoints if endpoint.zone == zone])
    far = group([endpoint for endpoint in endpoints if endpoint.zone != zone])
    if not zone or not near.endpoints or not far.endpoints:
        return None
    zones = 1 + len({endpoint.zone for endpoint in far.endpoints})
    part = _weight(near.endpoints) / (_weight(near.endpoints) + _weight(far.endpoints))
    return Zones(near, far, min(1.0, OVERLOAD * zones * part))


def relate(endpoints: "Sequence[Endpoint]") -> None:
    """Tell each endpoint of a service how its weight compares with the others'."""
    if endpoints:
        mean = _weight(endpoints) / len(endpoints)
        for endpoint in endpoints:
            endpoint.share = endpoint.weight / mean


def _weight(endpoints: "Iterable[Endpoint]") -> int:
    return sum(endpoint.weight for endpoint in endpoints)
