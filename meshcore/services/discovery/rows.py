"""Rows of the inventory: every instance with its sidecar's state, and which of them somebody asked for.

Pure; inventory.py sends the rows, the server's status and checks count them.
"""

from collections.abc import Callable, Sequence

from meshcore.services.discovery.registry import Entry, Registry
from meshcore.wire.common_pb2 import Resource
from meshcore.wire.discovery_pb2 import RUNNING, InstanceStatus, Pod, ProxyStatus
from meshcore.wire.ids import SpiffeId, join
from meshcore.wire.kinds import parse_kind
from meshcore.wire.peers_pb2 import Presence

# What a sidecar last said of itself, by namespace and pod.
Proxies = Callable[[str, str], ProxyStatus | None]

# The sidecar of a pod that another replica of the control plane holds, by namespace and pod.
Away = Callable[[str, str], Presence | None]

# The pods behind a service, by namespace and name; locally a service is the workload of its name.
Behind = Callable[[str, str], set[str]]

BY_CHOICE = "runs without a sidecar by choice (mesh: false)"


def nowhere(namespace: str, pod: str) -> None:
    """Stand for other replicas where there are none."""


def rows(registry: Registry, proxies: Proxies, *, trust_domain: str, node: str, away: Away = nowhere) -> list[Pod]:
    """Return one row per instance, by namespace and pod."""
    entries = sorted(registry.entries(), key=lambda entry: (entry.namespace, entry.pod))
    return [
        row(entry, proxies, trust_domain=trust_domain, node=node, away=away(entry.namespace, entry.pod))
        for entry in entries
    ]


def row(entry: Entry, proxies: Proxies, *, trust_domain: str, node: str, away: Presence | None = None) -> Pod:
    """Return the row of one instance; `away` is its sidecar at another replica."""
    known = entry.uplink or away or entry.last
    status = entry.status or _unreported(entry)
    pod = Pod(status=status, meshed=entry.meshed or away is not None, node=status.node or node)
    if not pod.meshed:
        pod.unmeshed_reason = status.unmeshed_reason or BY_CHOICE
    else:
        account = known.instance.service_account if known else status.service_account
        pod.uplink = entry.uplink is not None or away is not None
        pod.uplink_since_ms = entry.uplink_since_ms if entry.uplink or not away else away.since_ms
        pod.identity = known.identity if known else str(SpiffeId(trust_domain, entry.namespace, account or status.name))
        pod.proxy_version = known.instance.proxy_version if known else ""
        proxy = proxies(entry.namespace, entry.pod)
        if proxy is not None:
            pod.proxy.CopyFrom(proxy)
    pod.labels.update(status.labels)
    if known:
        pod.labels.update(known.instance.labels)
    first = next(iter(known.instance.ports if known else status.ports), None)
    if first is not None:
        pod.address = join(first.proxy_ip or "127.0.0.1", first.proxy_port or first.port)
    return pod


def asked(pod: Pod, targets: Sequence[Resource], behind: Behind | None = None) -> bool:
    """Tell whether a row is among the resources asked for; none asked for means all."""
    return not targets or any(_matches(pod.status, target, behind) for target in targets)


def canonical(kind: str) -> str:
    """Return the kind that a sidecar or a launcher names its workload by, as everybody is told it."""
    known = parse_kind(kind) if kind else None
    return known.name if known else kind.lower() or "deployment"


def _matches(status: InstanceStatus, target: Resource, behind: Behind | None) -> bool:
    if target.kind == "namespace":
        return target.name in ("", status.namespace)
    if target.namespace and target.namespace != status.namespace:
        return False
    if target.kind == "pod":
        return target.name in ("", status.pod)
    if target.kind == "service" and target.name and behind is not None:
        return status.pod in behind(status.namespace, target.name)
    if target.kind and target.kind not in ("service", status.kind or "deployment"):
        return False
    return target.name in ("", status.name)


def _unreported(entry: Entry) -> InstanceStatus:
    """Return what can be said of an instance that no launcher speaks for."""
    uplink = entry.uplink
    if uplink is None:
        return InstanceStatus(namespace=entry.namespace, pod=entry.pod)
    one = uplink.instance
    return InstanceStatus(
        namespace=one.namespace,
        kind=one.kind or "deployment",
        name=one.name,
        pod=one.pod,
        phase=RUNNING,
        ready=not uplink.draining,
        proxy_pid=one.proxy_pid,
        meshed=True,
        started_ms=one.started_ms,
        service_account=one.service_account,
    )
