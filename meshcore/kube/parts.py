"""All objects in a cluster that belong to the mesh, found by their label; what `uninstall` and `prune` begin with.

And what else is in its namespace, which would go with it.
"""

from meshcore.kube.failure import NO_SUCH_API, KubeError
from meshcore.kube.objects import (
    API_SERVICES,
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    CONFIG_MAPS,
    CRON_JOBS,
    CUSTOM_RESOURCES,
    DAEMON_SETS,
    DEPLOYMENTS,
    JOBS,
    LEASES,
    MUTATING_WEBHOOKS,
    NAMESPACES,
    PODS,
    ROLE_BINDINGS,
    ROLES,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    STATEFUL_SETS,
    VALIDATING_WEBHOOKS,
    Kind,
    Object,
)
from meshcore.kube.session import Session

DISRUPTION_BUDGETS = Kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
# In the order in which they are made; to be deleted the other way round.
KINDS = (
    NAMESPACES,
    CUSTOM_RESOURCES,
    SERVICE_ACCOUNTS,
    CLUSTER_ROLES,
    CLUSTER_ROLE_BINDINGS,
    ROLES,
    ROLE_BINDINGS,
    CONFIG_MAPS,
    SECRETS,
    SERVICES,
    DEPLOYMENTS,
    DISRUPTION_BUDGETS,
    LEASES,
    MUTATING_WEBHOOKS,
    VALIDATING_WEBHOOKS,
    API_SERVICES,
)
# Of a mesh of one namespace, which is no part of it.
SCOPED_KINDS = tuple(kind for kind in KINDS if kind.namespaced and kind not in (LEASES, DISRUPTION_BUDGETS))
CLAIMS = Kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
WORKLOADS = (DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS, CRON_JOBS, JOBS, PODS)
HELD = (*WORKLOADS, SERVICES, CLAIMS, CONFIG_MAPS, SECRETS)
EVERYWHERE = (CONFIG_MAPS, "kube-root-ca.crt")  # Kubernetes puts it into every namespace
ELSEWHERE = "kube-system"  # where one RoleBinding has to be


async def parts(session: Session, namespace: str, label: str, *, scoped: bool = False) -> list[Object]:
    """Return the mesh's objects in `namespace` and, unless it is scoped, in the whole cluster; raises KubeError."""
    found: list[Object] = []
    for kind in SCOPED_KINDS if scoped else KINDS:
        beyond = [ELSEWHERE] if kind is ROLE_BINDINGS and not scoped else []
        spaces = [namespace, *beyond] if kind.namespaced else [""]
        for space in spaces:
            try:
                listed = await session.list(kind.path(space or None), labels=label)
            except KubeError as error:
                if error.code == NO_SUCH_API:
                    continue
                raise
            found += [{**each, "apiVersion": kind.api_version, "kind": kind.kind} for each in listed.items]
    return [each for each in found if each["kind"] != NAMESPACES.kind or each["metadata"]["name"] == namespace]


async def strangers(
    session: Session,
    namespace: str,
    label: str,
    *,
    kinds: tuple[Kind, ...] = HELD,
    but: tuple[tuple[Kind, str], ...] = (),
) -> list[str]:
    """Return what a namespace holds besides the mesh, KIND/NAME each; raises KubeError.

    `label` is KEY=VALUE of the mesh's own; `but` are objects that somebody else keeps for it.
    """
    key, _, value = label.partition("=")
    found = []
    for kind in kinds:
        listed = await session.list(kind.path(namespace), labels=f"{key}!={value}")
        names = (str(each["metadata"]["name"]) for each in listed.items)
        found += [f"{kind.kind.lower()}/{name}" for name in names if (kind, name) not in (EVERYWHERE, *but)]
    return found
