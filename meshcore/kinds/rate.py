"""RateLimit: how many requests a workload takes; what is above that is refused with 429 and Retry-After.

Sidecars count by themselves, so a limit is of each pod. An override replaces perClientIdentity for the clients it
names; `total` holds for all together.
"""

from collections.abc import Iterator
from typing import Annotated

from meshcore.kinds.fault import Fault
from meshcore.kinds.shape import Count, Identity, Struct, WorkloadRef, described


class Rate(Struct, frozen=True, kw_only=True):
    """So many requests."""

    requests_per_second: Annotated[Count, described("On average.")]
    burst: Annotated[Count, described("At once; default: what a second allows.")] | None = None

    def faults(self) -> Iterator[Fault]:
        if self.burst is not None and self.burst < self.requests_per_second:
            yield Fault(
                ("burst",),
                f"{self.burst} is below requestsPerSecond {self.requests_per_second}, which could never be reached",
                "raise it, or remove it",
            )


class Override(Struct, frozen=True, kw_only=True):
    """Another rate for some clients, each of them."""

    requests_per_second: Annotated[Count, described("On average.")]
    burst: Annotated[Count, described("At once; default: what a second allows.")] | None = None
    identities: Annotated[
        tuple[Identity, ...],
        described("Who: NAMESPACE/SERVICEACCOUNT, NAMESPACE/* or a SPIFFE ID.", min_length=1, max_length=256),
    ]

    def faults(self) -> Iterator[Fault]:
        yield from Rate(requests_per_second=self.requests_per_second, burst=self.burst).faults()
        for at, each in enumerate(self.identities):
            if each == "*":
                fix = "name the clients; what holds for all is perClientIdentity"
                yield Fault(("identities", at), "'*' overrides for everybody", fix)


class RateLimit(Struct, frozen=True, kw_only=True):
    """How many requests each pod of a workload takes."""

    target_ref: Annotated[WorkloadRef, described("Whose requests, and which.")]
    total: Annotated[Rate, described("Of all clients together.")] | None = None
    per_client_identity: Annotated[Rate, described("Of each client; those without identity count as one.")] | None = (
        None
    )
    overrides: Annotated[tuple[Override, ...], described("Of clients that are named.", max_length=64)] = ()

    def faults(self) -> Iterator[Fault]:
        if self.total is None and self.per_client_identity is None and not self.overrides:
            yield Fault((), "limits nothing", "give total, perClientIdentity or overrides")
        for at, each in enumerate(self.overrides):
            if self.total is not None and each.requests_per_second > self.total.requests_per_second:
                yield Fault(
                    ("overrides", at, "requestsPerSecond"),
                    f"{each.requests_per_second} is more than total.requestsPerSecond "
                    f"{self.total.requests_per_second}, which holds for all together",
                    "lower it, or raise total",
                )
