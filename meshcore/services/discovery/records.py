"""What discovery keeps of a cluster's objects: Services, EndpointSlices, Pods and Namespaces, cut to what is looked at.

Each function takes an object as its JSON says it; a watch's store keeps what it returns. What is equal before and after
is no change to anybody. snapshot.py puts the records together. Pure.
"""

from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Any, NamedTuple

from meshcore.inject import names
from meshcore.inject.decide import wants
from meshcore.kube.objects import annotations_of, labels_of, metadata_of
from meshcore.kube.owners import workload_of
from meshcore.wire.discovery_pb2 import FAILING, PENDING, RUNNING, STOPPING, SUCCEEDED, Phase

Object = Mapping[str, Any]
Ranges = tuple[tuple[int, int], ...]
Key = tuple[str, str]


class ServicePort(NamedTuple):
    """A port as a Service names it; `protocol` is its appProtocol, empty where it says none."""

    name: str
    number: int
    protocol: str


class Service(NamedTuple):
    """A Service."""

    namespace: str
    name: str
    addresses: tuple[str, ...]  # of the cluster; none: headless or external
    ports: tuple[ServicePort, ...]
    external: str  # the name that an ExternalName stands for
    opaque: str | None  # its annotation, where it has one


class Place(NamedTuple):
    """One endpoint of a slice. `zone` is the one it is in, `hints` are those that it is meant for, if any are named."""

    addresses: tuple[str, ...]
    ready: bool
    serving: bool
    zone: str
    hints: tuple[str, ...]
    node: str
    pod: Key | None

    @property
    def near(self) -> str:
        """Return the zone whose clients are to prefer it."""
        return self.zone if not self.hints or self.zone in self.hints else self.hints[0]


class Slice(NamedTuple):
    """An EndpointSlice."""

    namespace: str
    name: str
    service: str
    family: str  # IPv4, IPv6 or FQDN
    ports: tuple[tuple[str, int, str], ...]  # name, number, appProtocol
    places: tuple[Place, ...]


class Pod(NamedTuple):
    """A Pod, and what its annotations say of its sidecar."""

    namespace: str
    name: str
    kind: str
    owner: str
    account: str
    addresses: tuple[str, ...]  # its own: none while it has none, on its node's network, and after its end
    meshed: bool
    skipped: Ranges  # ports that lead to the application itself
    opaque: str | None
    phase: Phase.ValueType
    ready: bool
    restarts: int
    proxy_restarts: int
    message: str
    started_ms: int
    node: str
    labels: tuple[tuple[str, str], ...]
    ports: tuple[tuple[str, int], ...]
    unmeshed: str  # why an unmeshed pod is so, as far as its annotations say


class Namespace(NamedTuple):
    """A Namespace, and what it wants for its pods, as meshcore.inject.decide has it."""

    name: str
    wants: tuple[tuple[str, str], ...]

    @property
    def opaque(self) -> str | None:
        return dict(self.wants).get(names.OPAQUE_PORTS)


def namespace(each: Object) -> Namespace:
    return Namespace(metadata_of(each).get("name", ""), tuple(sorted(wants(each).items())))


def service(each: Object) -> Service:
    meta, spec = metadata_of(each), each.get("spec") or {}
    external = spec.get("type") == "ExternalName"
    found = spec.get("clusterIPs") or [spec.get("clusterIP")]
    return Service(
        namespace=meta.get("namespace", ""),
        name=meta.get("name", ""),
        addresses=tuple(_address(ip) for ip in found if ip and ip != "None") if not external else (),
        ports=tuple(
            ServicePort(port.get("name") or "", int(port["port"]), port.get("appProtocol") or "")
            for port in spec.get("ports") or ()
            if port.get("protocol", "TCP") == "TCP"
        ),
        external=str(spec.get("externalName", "")).rstrip(".") if external else "",
        opaque=annotations_of(each).get(names.OPAQUE_PORTS),
    )


def endpoint_slice(each: Object) -> Slice:
    meta = metadata_of(each)
    return Slice(
        namespace=meta.get("namespace", ""),
        name=meta.get("name", ""),
        service=labels_of(each).get("kubernetes.io/service-name", ""),
        family=str(each.get("addressType", "")),
        ports=tuple(
            (port.get("name") or "", int(port["port"]), port.get("appProtocol") or "")
            for port in each.get("ports") or ()
            if port.get("port") and port.get("protocol", "TCP") == "TCP"
        ),
        places=tuple(_place(endpoint, meta.get("namespace", "")) for endpoint in each.get("endpoints") or ()),
    )


def _place(endpoint: Object, own: str) -> Place:
    conditions: Object = endpoint.get("conditions") or {}
    target: Object = endpoint.get("targetRef") or {}
    hints: list[Object] = (endpoint.get("hints") or {}).get("forZones") or []
    ready = conditions.get("ready") is not False  # unknown is ready (discovery.k8s.io/v1, EndpointConditions)
    return Place(
        addresses=tuple(map(_address, endpoint.get("addresses") or ())),
        ready=ready,
        serving=bool(conditions.get("serving", ready)),
        zone=endpoint.get("zone") or "",
        hints=tuple(str(hint.get("name", "")) for hint in hints),
        node=endpoint.get("nodeName") or "",
        pod=(target.get("namespace") or own, target["name"]) if target.get("kind") == "Pod" else None,
    )


def pod(each: Object) -> Pod:
    meta, spec, status = metadata_of(each), each.get("spec") or {}, each.get("status") or {}
    wants, owner = annotations_of(each), workload_of(each)
    running: list[Object] = [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]
    apps = [one for one in status.get("containerStatuses") or () if one.get("name") != names.PROXY]
    meshed = labels_of(each).get(names.MESHED) == "true"
    shared = spec.get("hostNetwork") or status.get("phase") in ("Succeeded", "Failed")
    return Pod(
        namespace=meta.get("namespace", ""),
        name=meta.get("name", ""),
        kind=owner.kind.lower(),
        owner=owner.name,
        account=spec.get("serviceAccountName") or "default",
        addresses=() if shared else tuple(_address(one["ip"]) for one in status.get("podIPs") or () if one.get("ip")),
        meshed=meshed,
        skipped=ranges(wants.get(names.SKIP_INBOUND, "")),
        opaque=wants.get(names.OPAQUE_PORTS),
        phase=_phase(each, apps),
        ready=any(one.get("type") == "Ready" and one.get("status") == "True" for one in status.get("conditions") or ()),
        restarts=sum(int(one.get("restartCount", 0)) for one in apps),
        proxy_restarts=sum(int(one.get("restartCount", 0)) for one in running if one.get("name") == names.PROXY),
        message=_message(status, running),
        started_ms=_millis(status.get("startTime")),
        node=spec.get("nodeName") or "",
        labels=tuple(sorted(labels_of(each).items())),
        ports=tuple(
            (port.get("name") or str(port["containerPort"]), int(port["containerPort"]))
            for container in spec.get("containers") or ()
            for port in container.get("ports") or ()
            if port.get("protocol", "TCP") == "TCP"
        ),
        unmeshed="" if meshed else _unmeshed(wants, spec),
    )


def _address(text: str) -> str:
    """Return an address as it is looked up: IPv6 has many spellings, and manifests may have any of them."""
    if ":" not in text:
        return text
    try:
        return str(ip_address(text))
    except ValueError:
        return text


def ranges(text: str) -> Ranges:
    """Return the ports of 25,9000-9010; parts that are none are left out: whoever admits them has said so."""
    found = []
    for part in text.split(","):
        low, _, high = part.strip().partition("-")
        if low.isdecimal() and (not high or high.isdecimal()):
            found.append((int(low), int(high or low)))
    return tuple(found)


def _unmeshed(wants: Mapping[str, str], spec: Object) -> str:
    if wants.get(names.INJECT) == names.DISABLED:
        return f"runs without a sidecar by choice (annotation {names.INJECT}: {names.DISABLED})"
    if spec.get("hostNetwork"):
        return "runs without a sidecar: hostNetwork"
    return ""


def _phase(each: Object, apps: list[Object]) -> Phase.ValueType:
    if metadata_of(each).get("deletionTimestamp"):
        return STOPPING
    phase = (each.get("status") or {}).get("phase")
    if phase == "Running":
        waiting = [(one.get("state") or {}).get("waiting") or {} for one in apps]
        return FAILING if any("BackOff" in one.get("reason", "") for one in waiting) else RUNNING
    return {"Succeeded": SUCCEEDED, "Failed": FAILING}.get(str(phase), PENDING)


def _message(status: Object, running: list[Object]) -> str:
    """Return why a pod is not running, in a line."""
    for one in running:
        waiting = (one.get("state") or {}).get("waiting") or {}
        reason = waiting.get("reason", "")
        if reason and reason not in ("PodInitializing", "ContainerCreating"):
            more = " ".join(str(waiting.get("message", "")).split())
            return f"{one.get('name', '')}: {reason}{f': {more}' if more else ''}"[:300]
    return " ".join(str(status.get("message") or status.get("reason") or "").split())[:300]


def _millis(text: object) -> int:
    try:
        return int(datetime.fromisoformat(str(text)).timestamp() * 1000)
    except ValueError:
        return 0
