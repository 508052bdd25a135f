"""HTTPRoute and GRPCRoute of the Gateway API (gateway.networking.k8s.io/v1), as far as routes of Services go.

The API has fields that we do not use, and gets new ones: they pass unread. What is read is what its own schemas allow
(GEP-1426: a route whose parentRef is a Service is the mesh's).
"""

from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Meta

from meshcore.kinds.fault import Fault
from meshcore.kinds.shape import Label, PortNumber, Tolerant, regex_problem

GatewayDuration = Annotated[
    str,
    Meta(
        pattern=r"^([0-9]{1,5}(h|m|s|ms)){1,4}$",  # GEP-2257
        extra={"says": "no duration", "fix": "write for example 30s, 500ms or 1m30s"},
    ),
]
Text = Annotated[str, Meta(max_length=4096)]


class ParentRef(Tolerant, frozen=True, kw_only=True):
    """What a route is attached to; only Services are ours."""

    group: str = "gateway.networking.k8s.io"
    kind: str = "Gateway"
    namespace: Label | None = None
    name: Text
    port: PortNumber | None = None

    @property
    def is_service(self) -> bool:
        return self.group in ("", "core") and self.kind == "Service"


class ValueMatch(Tolerant, frozen=True, kw_only=True):
    """A header or a query parameter."""

    type: str = "Exact"
    name: Text
    value: Text

    def faults(self) -> Iterator[Fault]:
        yield from _kind_faults(self.type, "Exact", "RegularExpression")
        yield from _regex_faults(self.type, value=self.value)


class PathMatch(Tolerant, frozen=True, kw_only=True):
    """A path."""

    type: str = "PathPrefix"
    value: Text = "/"

    def faults(self) -> Iterator[Fault]:
        yield from _kind_faults(self.type, "Exact", "PathPrefix", "RegularExpression")
        yield from _regex_faults(self.type, value=self.value)
        if self.type != "RegularExpression" and not self.value.startswith("/"):
            yield Fault(("value",), f"{self.value!r} is no path", "begin it with /")


class HTTPMatch(Tolerant, frozen=True, kw_only=True):
    """Which requests: all that is given must hold."""

    path: PathMatch | None = None
    method: Text | None = None
    headers: tuple[ValueMatch, ...] = ()
    query_params: tuple[ValueMatch, ...] = ()


class BackendRef(Tolerant, frozen=True, kw_only=True):
    """Who takes a part of the requests."""

    group: str = ""
    kind: str = "Service"
    namespace: Label | None = None
    name: Text
    port: PortNumber | None = None
    weight: Annotated[int, Meta(ge=0, le=1_000_000)] = 1
    filters: tuple[dict[str, Any], ...] = ()


class RouteTimeouts(Tolerant, frozen=True, kw_only=True):
    """How long things may take; 0s: any time."""

    request: GatewayDuration | None = None
    backend_request: GatewayDuration | None = None


class HTTPRule(Tolerant, frozen=True, kw_only=True):
    """What becomes of the requests that one of the matches fits; no match: of all."""

    name: Text | None = None
    matches: tuple[HTTPMatch, ...] = ()
    filters: tuple[dict[str, Any], ...] = ()
    backend_refs: tuple[BackendRef, ...] = ()
    timeouts: RouteTimeouts | None = None


class HTTPRoute(Tolerant, frozen=True, kw_only=True):
    """Routes of HTTP requests."""

    parent_refs: tuple[ParentRef, ...] = ()
    hostnames: tuple[Text, ...] = ()
    rules: tuple[HTTPRule, ...] = ()


class MethodMatch(Tolerant, frozen=True, kw_only=True):
    """A gRPC method."""

    type: str = "Exact"
    service: Text | None = None
    method: Text | None = None

    def faults(self) -> Iterator[Fault]:
        yield from _kind_faults(self.type, "Exact", "RegularExpression")
        if not self.service and not self.method:
            yield Fault((), "says nothing", "give service, method or both")
        yield from _regex_faults(self.type, service=self.service, method=self.method)


class GRPCMatch(Tolerant, frozen=True, kw_only=True):
    """Which calls: all that is given must hold."""

    method: MethodMatch | None = None
    headers: tuple[ValueMatch, ...] = ()


class GRPCRule(Tolerant, frozen=True, kw_only=True):
    """What becomes of the calls that one of the matches fits; no match: of all."""

    name: Text | None = None
    matches: tuple[GRPCMatch, ...] = ()
    filters: tuple[dict[str, Any], ...] = ()
    backend_refs: tuple[BackendRef, ...] = ()


class GRPCRoute(Tolerant, frozen=True, kw_only=True):
    """Routes of gRPC calls."""

    parent_refs: tuple[ParentRef, ...] = ()
    hostnames: tuple[Text, ...] = ()
    rules: tuple[GRPCRule, ...] = ()


def _kind_faults(given: str, *known: str) -> Iterator[Fault]:
    if given not in known:
        yield Fault(("type",), f"{given!r} is not known", f"write one of {', '.join(known)}")


def _regex_faults(kind: str, **texts: str | None) -> Iterator[Fault]:
    for name, text in texts.items():
        problem = regex_problem(text) if text is not None and kind == "RegularExpression" else None
        if problem is not None:
            yield Fault((name,), *problem)
