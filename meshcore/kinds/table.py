"""Every kind that is read here: its names, the struct of its spec, and the columns of `kubectl get`.

A new kind of ours is a file with its struct and a row here: crd.py, the webhook and `meshtui check` follow.
"""

from typing import NamedTuple

from meshcore.kinds.authorization import AuthorizationPolicy
from meshcore.kinds.backend import BackendPolicy
from meshcore.kinds.external import ExternalService
from meshcore.kinds.gateway import GRPCRoute, HTTPRoute
from meshcore.kinds.injection import FaultInjection
from meshcore.kinds.profile import ServiceProfile
from meshcore.kinds.rate import RateLimit
from meshcore.kinds.shape import Struct, Tolerant

GROUP = "mesh.meshtui.dev"
VERSION = "v1alpha1"
GATEWAY_GROUP = "gateway.networking.k8s.io"


class Column(NamedTuple):
    """One column of `kubectl get`."""

    title: str
    path: str
    type: str = "string"


class KindRow(NamedTuple):
    """One kind."""

    group: str
    versions: tuple[str, ...]
    plural: str
    short: str
    spec: type[Struct] | type[Tolerant]
    columns: tuple[Column, ...] = ()

    @property
    def kind(self) -> str:
        return self.spec.__name__


_TARGET = (Column("Target-Kind", ".spec.targetRef.kind"), Column("Target", ".spec.targetRef.name"))


def _ours(plural: str, short: str, spec: type[Struct], *columns: Column) -> KindRow:
    return KindRow(GROUP, (VERSION,), plural, short, spec, columns)


MESH: tuple[KindRow, ...] = (
    _ours("serviceprofiles", "msp", ServiceProfile, Column("Routes", ".spec.routes[*].name")),
    _ours("authorizationpolicies", "map", AuthorizationPolicy, *_TARGET, Column("Action", ".spec.action")),
    _ours("ratelimits", "mrl", RateLimit, *_TARGET, Column("Total", ".spec.total.requestsPerSecond", "integer")),
    _ours("backendpolicies", "mbp", BackendPolicy, _TARGET[1]),
    _ours("externalservices", "mes", ExternalService, Column("Hosts", ".spec.hosts")),
    _ours("faultinjections", "mfi", FaultInjection, *_TARGET, Column("Share", ".spec.share", "number")),
)
GATEWAY: tuple[KindRow, ...] = (
    KindRow(GATEWAY_GROUP, ("v1", "v1beta1"), "httproutes", "", HTTPRoute),
    KindRow(GATEWAY_GROUP, ("v1",), "grpcroutes", "", GRPCRoute),
)
KINDS = (*MESH, *GATEWAY)
