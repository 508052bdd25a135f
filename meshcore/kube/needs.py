"""Every right the mesh needs of an API server, by role; pure. An administrator can read it, and tests hold to it.

`deploy/` grants these and no others; a house test compares. The test API server refuses what the role in question does
not need, so that code which asks for more fails where it is written.
"""

from dataclasses import dataclass, replace
from typing import Literal

from meshcore.kube.act import Act
from meshcore.kube.objects import (
    ACCESS_REVIEWS,
    API_SERVICES,
    CONFIG_MAPS,
    ENDPOINT_SLICES,
    EVENTS,
    GRPC_ROUTES,
    HTTP_ROUTES,
    LEASES,
    MESH_KINDS,
    MUTATING_WEBHOOKS,
    NAMESPACES,
    OBSERVE_GROUP,
    PODS,
    SECRETS,
    SERVICES,
    TOKEN_REVIEWS,
    VALIDATING_WEBHOOKS,
    Kind,
)

Scope = Literal["cluster", "mesh", "kube-system", "namespace"]
# cluster: a ClusterRole, bound to all namespaces. mesh: a Role in the mesh's own namespace. kube-system: a Role there.
# namespace: a ClusterRole for people, bound by RoleBindings or to all namespaces as an administrator likes.

ISSUER = "meshtui-identity-issuer"  # Secret: the issuer's certificate and key
TRUST = "meshtui-trust-anchors"  # ConfigMap
CONFIG = "meshtui-config"  # ConfigMap: the settings
FRONT_PROXY = "extension-apiserver-authentication"  # ConfigMap: Kubernetes' own
INJECTOR = "meshtui-injector"
VALIDATOR = "meshtui-validator"
OBSERVE = f"v1alpha1.{OBSERVE_GROUP}"
LEADER = "meshtui-control-plane"

WATCH = ("list", "watch")
READ = ("get", "list", "watch")
SCREENS = ("stats", "edges", "meshedpods", "meshstatus", "checks")
REQUESTS = ("taps", "tops")
CREATED = ("create",)  # the name of what is created is not known to RBAC, so it cannot be limited by name


@dataclass(frozen=True, slots=True)
class Need:
    """A role's right: its verbs on one resource of a group, for these names only if some are given."""

    role: str
    group: str
    resource: str
    verbs: tuple[str, ...]
    scope: Scope = "cluster"
    names: tuple[str, ...] = ()


def _need(role: str, kind: Kind, verbs: tuple[str, ...], scope: Scope = "cluster", *names: str) -> Need:
    return Need(role, kind.group, kind.plural, verbs, scope, names)


NEEDS: tuple[Need, ...] = (
    *(_need("discovery", kind, WATCH) for kind in (NAMESPACES, PODS, SERVICES, ENDPOINT_SLICES)),
    *(_need("policy", kind, WATCH) for kind in (*MESH_KINDS, HTTP_ROUTES, GRPC_ROUTES)),
    _need("identity", TOKEN_REVIEWS, CREATED),
    _need("identity", EVENTS, ("create", "patch")),
    _need("identity", SECRETS, CREATED, "mesh"),
    _need("identity", SECRETS, WATCH, "mesh", ISSUER),
    _need("identity", CONFIG_MAPS, CREATED, "mesh"),
    _need("identity", CONFIG_MAPS, WATCH, "mesh", TRUST),
    _need("access", ACCESS_REVIEWS, CREATED),
    _need("access", CONFIG_MAPS, WATCH, "kube-system", FRONT_PROXY),
    _need("injector", NAMESPACES, ("get",)),
    _need("injector", CONFIG_MAPS, WATCH, "mesh", CONFIG),
    _need("injector", EVENTS, ("create", "patch")),
    _need("injector", MUTATING_WEBHOOKS, ("get", "patch"), "cluster", INJECTOR),
    _need("validator", VALIDATING_WEBHOOKS, ("get", "patch"), "cluster", VALIDATOR),
    _need("serving", API_SERVICES, ("get", "patch"), "cluster", OBSERVE),
    _need("leader", LEASES, CREATED, "mesh"),
    _need("leader", LEASES, ("get", "update"), "mesh", LEADER),
    *(Need("view", OBSERVE_GROUP, screen, READ, "namespace") for screen in SCREENS),
    *(Need("tap", OBSERVE_GROUP, request, READ, "namespace") for request in REQUESTS),
)

# A mesh of one namespace does with these, in that namespace: no webhook, no reviews, nothing of the whole cluster, and
# no events, which an admin of a namespace has no right to grant.
SCOPED: tuple[Need, ...] = tuple(
    replace(need, scope="mesh")
    for need in NEEDS
    if need.scope in ("cluster", "mesh")
    and (need.role in ("discovery", "identity") or (need.role, need.resource) == ("injector", "configmaps"))
    and need.resource not in ("namespaces", "tokenreviews", "events")
)

CONTROL_PLANE = ("discovery", "policy", "identity", "access", "injector", "validator", "serving", "leader")
PEOPLE = ("view", "tap")


def need_for(act: Act, roles: tuple[str, ...], mesh: str) -> Need | None:
    """Return the need that an act of these roles serves; None: it asks for more. `mesh` is the mesh's namespace."""
    for need in NEEDS:
        within = {"mesh": mesh, "kube-system": "kube-system"}.get(need.scope)
        if (
            need.role in roles
            and (need.group, need.resource) == (act.group, act.full)
            and act.verb in need.verbs
            and (not need.names or act.name in need.names)
            and (within is None or within == act.namespace)
        ):
            return need
    return None
