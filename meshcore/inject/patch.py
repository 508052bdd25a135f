"""Puts a sidecar into a pod, and takes it out again: on dicts as JSON and YAML readers make them, in place.

The webhook sends what changed as a JSON Patch, `meshtui inject` writes the document back. Pure; idempotent together
with decide, which refuses a pod that has a sidecar.
"""

import hashlib
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from meshcore.inject import blank, names
from meshcore.inject.decide import Object, annotations
from meshcore.inject.ending import Ending, ending, pause, resume
from meshcore.inject.settings import Proxy, Settings
from meshcore.inject.sidecar import Workload, configuration
from meshcore.inject.wishes import Wishes
from meshcore.wire.version import VERSION

Pod = MutableMapping[str, Any]
TOKEN_S = 86_400
STARTUP_S = 120  # how long a sidecar may take to its certificate before the kubelet starts it again
_OURS = (names.PROXY, names.REDIRECT)
_LABELS = (names.MESHED, names.WORKLOAD_KIND, names.WORKLOAD_NAME)
_ANNOTATIONS = (names.CREATED_BY, names.PROXY_VERSION, names.TRUST_ROOT, names.PAUSED, names.BLANK)


def inject(pod: Pod, settings: Settings, wishes: Wishes, anchors_pem: str, workload: Workload, created_by: str) -> None:
    """Put the sidecar, its redirect and its token into a pod or pod template that `decide` has let through."""
    spec = _mapping(pod, "spec")
    blanks = blank.note(pod)
    end = ending(spec, wishes.proxy)
    proxy = _proxy(settings, wishes, anchors_pem, workload, spec, end)
    redirect = _redirect(wishes)
    for ours in (redirect, proxy):
        ours["resources"] = _beside(ours["resources"], spec)
    paused = pause(spec, end.pause)
    inits = _sequence(spec, "initContainers")
    if wishes.proxy.native_sidecar:
        # Right behind the redirect: the init containers that follow speak through the mesh, too.
        inits[0:0] = [redirect, proxy | {"restartPolicy": "Always"}]
    else:
        inits.insert(0, redirect)
        _sequence(spec, "containers").insert(0, proxy)
    _sequence(spec, "volumes").extend(_volumes())
    meta = _mapping(pod, "metadata")
    _mapping(meta, "labels").update(_labels(workload))
    _mapping(meta, "annotations").update(
        {
            names.CREATED_BY: created_by,
            names.PROXY_VERSION: VERSION,
            names.TRUST_ROOT: hashlib.sha256(anchors_pem.encode()).hexdigest(),
            **({names.PAUSED: ",".join(paused)} if paused else {}),
            **blanks,
        }
    )


def uninject(pod: Pod) -> bool:
    """Take out all that `inject` put in; tell whether there was anything."""
    noted = blank.noted(pod)
    spec = pod.get("spec") or {}
    resume(spec, annotations(pod).get(names.PAUSED, "").split(","), noted)
    found = False
    for part, ours in (
        ("initContainers", _OURS),
        ("containers", _OURS),
        ("volumes", names.VOLUMES),
    ):
        listed = spec.get(part) or []
        found |= _without(spec, part, [at for at, one in enumerate(listed) if one.get("name") in ours], noted)
    meta = pod.get("metadata") or {}
    for part, marks in (("labels", _LABELS), ("annotations", _ANNOTATIONS)):
        said = meta.get(part) or {}
        wish = said.get(names.INJECT) == names.ENABLED  # what asks for a sidecar; the opposite is to stay
        found |= _without(meta, part, [key for key in (*marks, *[names.INJECT] * wish) if key in said], noted)
    if found and "metadata" in pod:
        blank.clear(pod, "metadata", noted)
    return found


def annotate(pod: Pod) -> None:
    """Have a pod ask for a sidecar, for the webhook to put in."""
    blanks = blank.note(pod)
    _mapping(_mapping(pod, "metadata"), "annotations").update({names.INJECT: names.ENABLED, **blanks})


def _without(parent: Pod, part: str, ours: list[Any], noted: set[str]) -> bool:
    """Take what is ours, by key or place, out of a part; tell whether there was anything."""
    for key in reversed(ours):
        del parent[part][key]
    if ours:
        blank.clear(parent, part, noted)
    return bool(ours)


def operations(before: Object, after: Object) -> Iterator[dict[str, Any]]:
    """Yield the JSON Patch (RFC 6902) from one pod to another, in the parts that `inject` touches.

    `add` of a member that is there replaces it (section 4.1), so one kind of operation suffices.
    """
    for top in ("metadata", "spec"):
        old: Mapping[str, Any] = before.get(top) or {}
        new: Mapping[str, Any] = after.get(top) or {}
        if top not in before and new:
            yield {"op": "add", "path": f"/{top}", "value": new}
            continue
        for key, value in new.items():
            if old.get(key) != value:
                yield {"op": "add", "path": f"/{top}/{key}", "value": value}


def _labels(workload: Workload) -> dict[str, str]:
    found = {names.MESHED: "true"}
    if workload.name and len(workload.name) <= 63:
        found |= {names.WORKLOAD_KIND: workload.kind, names.WORKLOAD_NAME: workload.name}
    return found


def _proxy(
    settings: Settings, wishes: Wishes, anchors_pem: str, workload: Workload, spec: Object, end: Ending
) -> dict[str, Any]:
    document = configuration(settings, wishes.proxy, anchors_pem, workload, spec.get("containers") or (), end)
    probe = {"httpGet": {"path": "/ready", "port": names.ADMIN_PORT}}
    return {
        "name": names.PROXY,
        "image": wishes.image,
        "imagePullPolicy": wishes.pull_policy,
        "args": ["sidecar", "--config", "env:MESHTUI_CONFIG"],
        "env": [
            _field("POD_NAME", "metadata.name"),
            _field("POD_NAMESPACE", "metadata.namespace"),
            _field("POD_SERVICE_ACCOUNT", "spec.serviceAccountName"),
            _field("POD_IPS", "status.podIPs"),
            {"name": "MESHTUI_CONFIG", "value": document},
        ],
        "ports": [
            {"name": "meshtui-in", "containerPort": names.INBOUND_PORT},
            {"name": "meshtui-admin", "containerPort": names.ADMIN_PORT},
        ],
        "startupProbe": {**probe, "periodSeconds": 1, "failureThreshold": STARTUP_S},
        "readinessProbe": {**probe, "periodSeconds": 2},
        "livenessProbe": {"httpGet": {"path": "/live", "port": names.ADMIN_PORT}, "periodSeconds": 10},
        "resources": _resources(wishes.proxy),
        "securityContext": {
            "runAsUser": names.PROXY_UID,
            "runAsGroup": names.PROXY_UID,
            "runAsNonRoot": True,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [
            {"name": names.TOKEN_VOLUME, "mountPath": names.TOKEN_FOLDER, "readOnly": True},
            {"name": names.TRUST_VOLUME, "mountPath": names.TRUST_FOLDER},
        ],
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _redirect(wishes: Wishes) -> dict[str, Any]:
    proxy = wishes.proxy
    args = ["redirect", "--proxy-uid", str(names.PROXY_UID)]
    for flag, value in (
        ("--skip-inbound-ports", proxy.skip_inbound_ports),
        ("--skip-outbound-ports", proxy.skip_outbound_ports),
        ("--skip-networks", proxy.skip_networks),
    ):
        args += [flag, value] if value else []
    return {
        "name": names.REDIRECT,
        "image": wishes.image,
        "imagePullPolicy": wishes.pull_policy,
        "args": args,
        # The sidecar's, which comes after it, so that this takes nothing more, and quotas ask no more than one wish.
        "resources": _resources(proxy),
        "securityContext": {
            "runAsUser": 0,
            "runAsGroup": 0,
            "runAsNonRoot": False,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN", "NET_RAW"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [{"name": names.RUN_VOLUME, "mountPath": "/run"}],  # the lock of iptables
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _volumes() -> list[dict[str, Any]]:
    token = {"audience": names.AUDIENCE, "expirationSeconds": TOKEN_S, "path": "token"}
    return [
        # Readable by the sidecar's own user, whatever group the pod runs under.
        {"name": names.TOKEN_VOLUME, "projected": {"defaultMode": 0o444, "sources": [{"serviceAccountToken": token}]}},
        {"name": names.RUN_VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        # On disk: it is to outlive the sidecar and the node's restart.
        {"name": names.TRUST_VOLUME, "emptyDir": {"sizeLimit": "1Mi"}},
    ]


def _resources(proxy: Proxy) -> dict[str, Any]:
    found: dict[str, dict[str, str]] = {}
    for part, cpu, memory in (
        ("requests", proxy.cpu_request, proxy.memory_request),
        ("limits", proxy.cpu_limit, proxy.memory_limit),
    ):
        amounts = {name: amount for name, amount in (("cpu", cpu), ("memory", memory)) if amount}
        if amounts:
            found[part] = amounts
    return found


def _beside(resources: Mapping[str, Mapping[str, str]], spec: Object) -> dict[str, dict[str, str]]:
    """Return resources without those that a pod has as a whole: its containers share them, and may not ask for more."""
    whole = spec.get("resources") or {}
    shared = {name for part in ("requests", "limits") for name in whole.get(part) or ()}
    own = {
        part: {name: each for name, each in amounts.items() if name not in shared}
        for part, amounts in resources.items()
    }
    return {part: amounts for part, amounts in own.items() if amounts}


def _field(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _mapping(parent: Pod, key: str) -> Pod:
    if parent.get(key) is None:
        parent[key] = {}
    found: Pod = parent[key]
    return found


def _sequence(parent: Pod, key: str) -> list[Any]:
    if parent.get(key) is None:
        parent[key] = []
    found: list[Any] = parent[key]
    return found
