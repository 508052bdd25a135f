"""AuthorizationPolicy: who may send requests to a workload.

What no policy is for, everybody may. Where one with action allow is for a request, one of those must fit it; a fitting
one with action deny refuses it before that; audit lets it pass and tells it. Sidecars decide where requests arrive.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import field

from meshcore.kinds.fault import Fault
from meshcore.kinds.shape import Identity, Label, Network, Struct, WorkloadRef, described


class Source(Struct, frozen=True, kw_only=True):
    """Some clients: all that is given must hold."""

    identities: Annotated[
        tuple[Identity, ...],
        described("One of these: NAMESPACE/SERVICEACCOUNT, NAMESPACE/*, a SPIFFE ID, or * for any.", max_length=256),
    ] = ()
    namespaces: Annotated[tuple[Label, ...], described("Proven to be of one of these namespaces.", max_length=256)] = ()
    networks: Annotated[
        tuple[Network, ...], described("From an address in one of these networks, in the mesh or not.", max_length=256)
    ] = ()
    except_networks: Annotated[tuple[Network, ...], described("But not from these parts of them.", max_length=256)] = ()

    def faults(self) -> Iterator[Fault]:
        if not (self.identities or self.namespaces or self.networks):
            yield Fault(
                (),
                "names nobody",
                "give identities, namespaces or networks; for everybody, networks 0.0.0.0/0 and ::/0",
            )
        if self.except_networks and not self.networks:
            yield Fault(("exceptNetworks",), "has nothing to except from", "give networks too")


class AuthorizationPolicy(Struct, frozen=True, kw_only=True):
    """Who may send requests to a workload."""

    target_ref: Annotated[WorkloadRef, described("Whom, and which of its requests, the policy is for.")]
    from_: Annotated[
        tuple[Source, ...], described("The clients, any of these; none with action deny: everybody.", max_length=256)
    ] = field(name="from", default=())
    action: Annotated[
        Literal["allow", "deny", "audit"], described("What becomes of their requests; default: allow.")
    ] = "allow"

    def faults(self) -> Iterator[Fault]:
        if self.action != "deny" and not self.from_:
            yield Fault(("from",), "names nobody", "list the clients; to refuse everybody, say action: deny")
