"""The configuration of a sidecar in a pod: the JSON that its environment holds, which Kubernetes completes.

`$(POD_NAME)` and its like are filled in by the kubelet from the downward API. Read by agents.runtime.config. Pure.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from meshcore.inject import names
from meshcore.inject.ending import Ending
from meshcore.inject.settings import Proxy, Settings
from meshcore.wire.duration import milliseconds

MOST_PORTS = 64
_HINTS = {"http": "http", "http2": "http2", "h2c": "http2", "grpc": "grpc"}


class Workload(NamedTuple):
    """Who owns a pod, as kubectl names it; empty: the pod itself."""

    kind: str
    name: str


def configuration(
    settings: Settings,
    proxy: Proxy,
    anchors_pem: str,
    workload: Workload,
    containers: Iterable[Mapping[str, Any]],
    ending: Ending,
) -> str:
    """Return the JSON document for the sidecar of a pod with these containers."""
    inbound = ["0.0.0.0", *(["[::]"] if proxy.ipv6 else [])]
    outbound = ["127.0.0.1", *(["[::1]"] if proxy.ipv6 else [])]
    document = {
        "namespace": "$(POD_NAMESPACE)",
        "kind": workload.kind or "pod",
        "name": workload.name or "$(POD_NAME)",
        "pod": "$(POD_NAME)",
        "service_account": "$(POD_SERVICE_ACCOUNT)",
        "trust_domain": settings.trust_domain,
        "identity_address": settings.addresses.identity,
        "control_address": settings.addresses.control,
        "control_name": settings.addresses.name,
        "anchors_pem": anchors_pem,
        "anchors_file": f"{names.TRUST_FOLDER}/anchors.pem",
        "token_file": f"{names.TOKEN_FOLDER}/token",
        "admin": {"listen": f"0.0.0.0:{names.ADMIN_PORT}"},
        "inbound": list(_inbound(proxy, containers)),
        "transparent": {
            "inbound": [f"{host}:{names.INBOUND_PORT}" for host in inbound],
            "outbound": [f"{host}:{names.OUTBOUND_PORT}" for host in outbound],
            "addresses": ["$(POD_IPS)"],
            "skip_inbound": proxy.skip_inbound_ports,
        },
        "detect_timeout_s": milliseconds(proxy.detect_timeout) / 1000,
        "leave_s": ending.leave,
        "drain_s": ending.drain,
        "workers": proxy.workers,
        "log_level": proxy.log_level,
    }
    return json.dumps(document, separators=(",", ":"))


def _inbound(proxy: Proxy, containers: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    """Yield the TCP ports that a pod declares; others are proxied all the same, they are only not described."""
    opaque = _ranges(proxy.opaque_ports)
    known: set[int] = set()
    for container in containers:
        for port in container.get("ports") or ():
            number = int(port.get("containerPort", 0))
            if port.get("protocol", "TCP") != "TCP" or not 0 < number < 65536 or number in known:
                continue
            if len(known) >= MOST_PORTS:
                return
            known.add(number)
            found: dict[str, Any] = {"name": str(port.get("name") or number), "port": number}
            if any(low <= number <= high for low, high in opaque):
                found["opaque"] = True
            else:
                hint = _HINTS.get(str(port.get("name", "")).partition("-")[0])
                if hint in ("http2", "grpc"):
                    found["protocol"] = hint
            yield found


def _ranges(ports: str) -> list[tuple[int, int]]:
    found = []
    for part in filter(None, ports.split(",")):
        low, _, high = part.partition("-")
        found.append((int(low), int(high or low)))
    return found
