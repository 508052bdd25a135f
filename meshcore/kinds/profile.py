"""ServiceProfile: names for the requests of a Service, and how each kind of them is to be treated."""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, field

from meshcore.kinds.fault import Fault
from meshcore.kinds.shape import (
    Duration,
    Method,
    Path,
    Port,
    Regex,
    RouteName,
    ServiceRef,
    Struct,
    described,
)

Status = Annotated[int, Meta(ge=100, le=599)]
Ratio = Annotated[float, Meta(ge=0.0, le=100.0)]
DEPTH = 6  # of conditions in conditions


class Condition(Struct, frozen=True, kw_only=True):
    """Which requests are meant: all that is given must hold."""

    method: Annotated[Method, described("The request's method.")] | None = None
    path: Annotated[Path, described("Its path, exactly; the query takes no part.")] | None = None
    path_prefix: Annotated[Path, described("What its path begins with, in whole segments.")] | None = None
    path_regex: Annotated[Regex, described("An expression that matches its whole path.")] | None = None
    all_of: Annotated[tuple["Condition", ...], described("All of these.", min_length=1, max_length=32)] | None = field(
        name="all", default=None
    )
    any_of: (
        Annotated[tuple["Condition", ...], described("At least one of these.", min_length=1, max_length=32)] | None
    ) = field(name="any", default=None)
    none_of: Annotated["Condition", described("Not this.")] | None = field(name="not", default=None)

    def faults(self) -> Iterator[Fault]:
        if self == Condition():
            yield Fault((), "says nothing", "give method, path, pathPrefix, pathRegex, all, any or not")
        paths = [self.path, self.path_prefix, self.path_regex]
        if sum(each is not None for each in paths) > 1:
            yield Fault(
                (), "has more than one path", "keep one of path, pathPrefix and pathRegex; or put them under all"
            )
        if self.depth > DEPTH:
            yield Fault((), "is nested too deeply", f"{DEPTH} levels at most")

    @property
    def depth(self) -> int:
        inner = [*(self.all_of or ()), *(self.any_of or ()), *([self.none_of] if self.none_of else ())]
        return 1 + max((each.depth for each in inner), default=0)


class StatusRange(Struct, frozen=True, kw_only=True):
    """HTTP statuses from min to max; one of them alone means just that status."""

    min: Annotated[Status, described("The lowest; default: max.")] | None = None
    max: Annotated[Status, described("The highest; default: min.")] | None = None

    def faults(self) -> Iterator[Fault]:
        if self.min is None and self.max is None:
            yield Fault((), "says nothing", "give min, max or both")
        elif self.min is not None and self.max is not None and self.min > self.max:
            yield Fault(("max",), f"{self.max} is below min {self.min}", "swap them")


class ResponseCondition(Struct, frozen=True, kw_only=True):
    """Which responses are meant: all that is given must hold."""

    status: Annotated[StatusRange, described("Their HTTP status.")] | None = None
    grpc_status: Annotated[Annotated[int, Meta(ge=0, le=16)], described("Their gRPC status, by number.")] | None = None
    all_of: (
        Annotated[tuple["ResponseCondition", ...], described("All of these.", min_length=1, max_length=32)] | None
    ) = field(name="all", default=None)
    any_of: (
        Annotated[tuple["ResponseCondition", ...], described("At least one of these.", min_length=1, max_length=32)]
        | None
    ) = field(name="any", default=None)
    none_of: Annotated["ResponseCondition", described("Not this.")] | None = field(name="not", default=None)

    def faults(self) -> Iterator[Fault]:
        if self == ResponseCondition():
            yield Fault((), "says nothing", "give status, grpcStatus, all, any or not")


class ResponseClass(Struct, frozen=True, kw_only=True):
    """How some responses count, whatever the mesh would make of them; the first that fits decides."""

    condition: Annotated[ResponseCondition, described("Which responses.")]
    is_failure: Annotated[bool, described("Whether they count as failures.")] = False


class Route(Struct, frozen=True, kw_only=True):
    """One named kind of requests; the first whose condition holds is a request's."""

    name: Annotated[RouteName, described("What stat, top and tap call it.")]
    condition: Annotated[Condition, described("Which requests.")]
    response_classes: Annotated[
        tuple[ResponseClass, ...], described("Which responses are failures, where it is not HTTP 5xx.", max_length=32)
    ] = ()
    is_retryable: Annotated[bool, described("Whether a failed request may be sent again, within the budget.")] = False
    timeout: Annotated[Duration, described("How long a request may take; default: any time.")] | None = None


class RetryBudget(Struct, frozen=True, kw_only=True):
    """How much load retries may add, of each client."""

    retry_ratio: Annotated[Ratio, described("Retries per request, at most; default: 0.2.")] = 0.2
    min_retries_per_second: Annotated[
        Annotated[int, Meta(ge=0, le=1_000_000)], described("So many are free every second; default: 10.")
    ] = 10
    ttl: Annotated[Duration, described("Requests of this long count; default: 10s.")] = "10s"


class ServiceProfile(Struct, frozen=True, kw_only=True):
    """Names for the requests of a Service, and how they are treated."""

    target_ref: Annotated[ServiceRef, described("The Service; default: the one of the profile's own name.")] | None = (
        None
    )
    routes: Annotated[tuple[Route, ...], described("The first that fits is a request's.", max_length=256)] = ()
    retry_budget: Annotated[RetryBudget, described("For the routes that are retryable.")] | None = None
    opaque_ports: Annotated[
        tuple[Port, ...], described("Ports of the Service, by number or name, that are not looked into.", max_length=64)
    ] = ()

    def faults(self) -> Iterator[Fault]:
        yield from twice(("routes",), [each.name for each in self.routes], "name", "give each route a name of its own")


def twice(where: tuple[str, ...], names: list[str], key: str, fix: str) -> Iterator[Fault]:
    """Yield each name that an item before it has already."""
    for at, name in enumerate(names):
        if name in names[:at]:
            yield Fault((*where, at, key), f"{name!r} is there already", fix)
