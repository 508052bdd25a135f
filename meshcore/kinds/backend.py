"""BackendPolicy: how clients treat the endpoints of a Service.

When to stop asking one that fails (circuit breaking), how long to wait, how requests are split over several Services,
and where they go when none of the own endpoints is ready. Defaults are those of the sidecar.
"""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from meshcore.kinds.fault import Fault
from meshcore.kinds.shape import Count, Duration, Label, Name, Port, ServiceRef, Share, Struct, described
from meshcore.wire.duration import milliseconds


class ConsecutiveFailures(Struct, frozen=True, kw_only=True):
    """Stop asking an endpoint after so many failures in a row; after a while, try it with one request."""

    max_failures: Annotated[Count, described("So many; default: 7.")] = 7
    min_penalty: Annotated[Duration, described("The first while; it doubles each time; default: 1s.")] = "1s"
    max_penalty: Annotated[Duration, described("The longest while; default: 60s.")] = "60s"
    jitter: Annotated[Share, described("A random share of the while, added to it; default: 0.5.")] = 0.5

    def faults(self) -> Iterator[Fault]:
        if milliseconds(self.min_penalty) > milliseconds(self.max_penalty):
            yield Fault(("maxPenalty",), f"{self.max_penalty} is below minPenalty {self.min_penalty}", "swap them")


class SuccessRate(Struct, frozen=True, kw_only=True):
    """Stop asking an endpoint whose share of successes falls too low."""

    threshold: Annotated[Share, described("The lowest that is well; default: 0.8.")] = 0.8
    window: Annotated[Duration, described("Over so long; default: 10s.")] = "10s"
    min_requests: Annotated[Count, described("Not before so many requests in the window; default: 5.")] = 5


class CircuitBreaking(Struct, frozen=True, kw_only=True):
    """When an endpoint is left alone; either rule suffices."""

    consecutive_failures: Annotated[ConsecutiveFailures, described("By failures in a row.")] | None = None
    success_rate: Annotated[SuccessRate, described("By the share of successes.")] | None = None
    honor_retry_after: Annotated[bool, described("Whether Retry-After of a 429 or 503 is such a while.")] = False

    def faults(self) -> Iterator[Fault]:
        if self.consecutive_failures is None and self.success_rate is None:
            yield Fault(
                (), "says not when", "give consecutiveFailures, successRate or both; {} stands for the defaults"
            )


class Timeouts(Struct, frozen=True, kw_only=True):
    """How long clients wait; a route's own timeout comes first."""

    connect: Annotated[Duration, described("For a connection.")] | None = None
    request: Annotated[Duration, described("For a request with its whole response.")] | None = None
    response: Annotated[Duration, described("For the head of the response.")] | None = None
    idle: Annotated[Duration, described("For the next byte.")] | None = None


class Backend(Struct, frozen=True, kw_only=True):
    """A Service, which may be in another namespace."""

    name: Annotated[Name, described("Its name.")]
    namespace: Annotated[Label, described("Its namespace; default: the policy's own.")] | None = None
    port: Annotated[Port, described("Its port; default: the one that was asked for.")] | None = None


class Split(Struct, frozen=True, kw_only=True):
    """One Service that takes a part of the requests."""

    backend_ref: Annotated[Backend, described("The Service.")]
    weight: Annotated[
        Annotated[int, Meta(ge=0, le=1_000_000)], described("Its part, of the sum of all weights; 0: none.")
    ]


class BackendPolicy(Struct, frozen=True, kw_only=True):
    """How clients treat the endpoints of a Service."""

    target_ref: Annotated[ServiceRef, described("The Service that clients ask for.")]
    circuit_breaking: Annotated[CircuitBreaking, described("When an endpoint is left alone.")] | None = None
    timeouts: Annotated[Timeouts, described("How long clients wait.")] | None = None
    splits: Annotated[
        tuple[Split, ...], described("Who takes the requests instead of the Service's endpoints alone.", max_length=32)
    ] = ()
    failover: Annotated[
        tuple[Backend, ...],
        described("Who takes them while no endpoint is ready, the first that has one.", max_length=16),
    ] = ()

    def faults(self) -> Iterator[Fault]:
        if self.circuit_breaking is None and self.timeouts is None and not self.splits and not self.failover:
            yield Fault((), "says nothing", "give circuitBreaking, timeouts, splits or failover")
        if self.splits and not any(each.weight for each in self.splits):
            yield Fault(("splits",), "gives nobody a part", "give at least one a weight above 0")
        for name, refs in (("splits", [each.backend_ref for each in self.splits]), ("failover", self.failover)):
            for at, each in enumerate(refs):
                if each in refs[:at]:
                    where = (name, at, "backendRef") if name == "splits" else (name, at)
                    yield Fault(where, f"{each.name} is there already", "remove one")
