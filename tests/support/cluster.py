"""Objects of a cluster as an API server gives them, short enough for a test to read."""

from typing import Any

from meshcore.inject import names

Object = dict[str, Any]


def pod(
    name: str,
    ip: str = "",
    *,
    namespace: str = "shop",
    meshed: bool = True,
    account: str = "default",
    phase: str = "Running",
    ready: bool = True,
    owner: tuple[str, str] | None = None,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    ports: tuple[tuple[str, int], ...] = (("http", 8080),),
    **spec: Any,
) -> Object:
    """Return a pod; `owner` is its controller's kind and name."""
    marks = {names.MESHED: "true"} if meshed else {}
    meta: Object = {
        "name": name,
        "namespace": namespace,
        "labels": {**marks, **(labels or {})},
        "annotations": annotations or {},
    }
    if owner:
        meta["ownerReferences"] = [{"kind": owner[0], "name": owner[1], "controller": True}]
    return {
        "metadata": meta,
        "spec": {
            "serviceAccountName": account,
            "nodeName": "node1",
            "containers": [
                {"name": "app", "image": "app", "ports": [{"name": n, "containerPort": p} for n, p in ports]}
            ],
            **spec,
        },
        "status": {
            "phase": phase,
            "podIPs": [{"ip": each} for each in ip.split(",") if each],
            "startTime": "2026-01-02T03:04:05Z",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [{"name": "app", "restartCount": 2, "state": {"running": {}}}],
        },
    }


def service(
    name: str,
    ips: str = "",
    *,
    namespace: str = "shop",
    ports: tuple[tuple[str, int], ...] = (("http", 80),),
    protocol: str = "",
    annotations: dict[str, str] | None = None,
    **spec: Any,
) -> Object:
    """Return a Service; without addresses it is headless."""
    return {
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations or {}},
        "spec": {
            "clusterIPs": ips.split(",") if ips else ["None"],
            "ports": [
                {"name": n, "port": p, "protocol": "TCP", **({"appProtocol": protocol} if protocol else {})}
                for n, p in ports
            ],
            **spec,
        },
    }


def endpoints(
    service_name: str,
    *places: Object,
    name: str = "",
    namespace: str = "shop",
    family: str = "IPv4",
    ports: tuple[tuple[str, int], ...] = (("http", 8080),),
) -> Object:
    """Return an EndpointSlice of a service."""
    return {
        "metadata": {
            "name": name or f"{service_name}-1",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": service_name},
        },
        "addressType": family,
        "ports": [{"name": n, "port": p, "protocol": "TCP"} for n, p in ports],
        "endpoints": list(places),
    }


def place(
    ip: str,
    pod_name: str = "",
    *,
    ready: bool | None = True,
    serving: bool | None = None,
    zone: str = "",
    hints: tuple[str, ...] = (),
    node: str = "",
) -> Object:
    """Return one endpoint of a slice."""
    conditions = {key: value for key, value in (("ready", ready), ("serving", serving)) if value is not None}
    found: Object = {"addresses": [ip], "conditions": conditions}
    if pod_name:
        found["targetRef"] = {"kind": "Pod", "name": pod_name}
    if node:
        found["nodeName"] = node
    if zone:
        found["zone"] = zone
    if hints:
        found["hints"] = {"forZones": [{"name": each} for each in hints]}
    return found


def namespace(name: str = "shop", **annotations: str) -> Object:
    """Return a namespace."""
    return {"metadata": {"name": name, "annotations": annotations}}
