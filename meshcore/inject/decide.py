"""Whether a pod gets a sidecar, and if not, why not: the table that the webhook and `meshtui inject` share. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from meshcore.inject.names import (
    COMPONENT,
    DISABLED,
    ENABLED,
    ENFORCE,
    INJECT,
    OWN_PORTS,
    PREFIX,
    PRIVILEGED,
    PROXY,
    PROXY_UID,
    REDIRECT,
    VOLUMES,
)

Object = Mapping[str, Any]

# Sidecars and init containers of meshes that would fight over the same packets, by name and by image.
_OTHERS = {"linkerd-proxy", "linkerd-init", "linkerd-network-validator", "istio-proxy", "istio-init"}
_OTHER_IMAGES = re.compile(r"(?:^|/)(?:linkerd2?-?/?proxy(?:-init)?|istio/(?:proxyv2|ztunnel)|proxyv2)(?::|@|$)")
_MIRROR = "kubernetes.io/config.mirror"
_MOST_ANNOTATED = 256 * 1024 - 4096  # of what a pod may carry, with room for ours


class Decision(NamedTuple):
    """The verdict on one pod. `reason` says in a few words why it gets no sidecar; empty: it does."""

    reason: str
    loud: bool = False  # whoever asked for a sidecar should be told that there is none

    @property
    def inject(self) -> bool:
        return not self.reason


def decide(pod: Object, namespace: Object) -> Decision:
    """Return whether a pod (or a pod template) gets a sidecar; `namespace` is what its namespace `wants`.

    A namespace that is enabled enables its pods unless they say otherwise; elsewhere a pod asks for itself.
    """
    own = annotations(pod).get(INJECT)
    theirs = namespace.get(INJECT)
    for value, level in ((own, "pod"), (theirs, "namespace")):
        if value not in (None, ENABLED, DISABLED):
            return Decision(f"invalid {INJECT} annotation {value!r} at {level} level", loud=True)
    if own == DISABLED:
        return Decision(f"disabled by the pod's annotation {INJECT}")
    if own is None and theirs != ENABLED:
        return Decision(f"neither the pod nor its namespace has the annotation {INJECT}: {ENABLED}")
    if COMPONENT in labels(pod):
        return Decision("it belongs to the control plane")
    spec: Object = pod.get("spec") or {}
    if spec.get("hostNetwork"):
        return Decision("hostNetwork is on: the node's own traffic would be redirected", loud=True)
    if _windows(spec):
        return Decision("it is for Windows, where there is no redirect and no user by number", loud=True)
    if _MIRROR in annotations(pod):
        return Decision("it stands for a static pod, which runs as its node has it", loud=True)
    if sum(len(f"{key}{value}".encode()) for key, value in annotations(pod).items()) > _MOST_ANNOTATED:
        return Decision("its annotations leave no room for ours, of the 256 KiB that a pod may have", loud=True)
    taken = _taken(spec)
    level = namespace.get(ENFORCE, PRIVILEGED)
    if taken.inject and level != PRIVILEGED:
        reason = f"pods of PodSecurity level {level!r} may have no redirect; label the namespace {ENFORCE}={PRIVILEGED}"
        return Decision(reason, loud=True)
    return taken


def wants(namespace: Object) -> dict[str, str]:
    """Return what a Namespace says of its pods: its annotations, as far as they are ours, and which pods it takes."""
    found = {key: value for key, value in annotations(namespace).items() if key.startswith(PREFIX)}
    return found | {key: value for key, value in labels(namespace).items() if key == ENFORCE}


def _windows(spec: Object) -> bool:
    """The API server refuses users and capabilities in a pod that says so: the pod, not only its sidecar."""
    wanted = ((spec.get("os") or {}).get("name"), (spec.get("nodeSelector") or {}).get("kubernetes.io/os"))
    return "windows" in wanted


def _taken(spec: Object) -> Decision:
    for container in containers(spec):
        name, image = str(container.get("name", "")), str(container.get("image", ""))
        if name in (PROXY, REDIRECT):
            return Decision("it has a sidecar already")
        if name in _OTHERS or _OTHER_IMAGES.search(image):
            return Decision(f"container {name} is another mesh's ({image})", loud=True)
    for volume in spec.get("volumes") or ():
        if volume.get("name") in VOLUMES:
            return Decision(f"its volume {volume['name']} has the name of one of the sidecar's", loud=True)
    for container in containers(spec):
        name, owner = container.get("name", ""), spec.get("securityContext") or {}
        if (container.get("securityContext") or {}).get("runAsUser", owner.get("runAsUser")) == PROXY_UID:
            reason = (
                f"container {name} runs as user {PROXY_UID}, as the sidecar does: what it sends would pass the mesh by"
            )
            return Decision(reason, loud=True)
        for port in container.get("ports") or ():
            if port.get("containerPort") in OWN_PORTS and port.get("protocol", "TCP") == "TCP":
                return Decision(
                    f"container {name} listens at {port['containerPort']}, a port of the sidecar's", loud=True
                )
    return Decision("")


def containers(spec: Object) -> Iterable[Object]:
    """Return the containers of a pod, init containers first."""
    return [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]


def udp_ports(spec: Object) -> list[int]:
    """Return the UDP ports that a pod declares; what goes there passes the mesh by."""
    return [
        int(port["containerPort"])
        for container in spec.get("containers") or ()
        for port in container.get("ports") or ()
        if port.get("protocol") == "UDP"
    ]


def annotations(pod: Object) -> Mapping[str, str]:
    found: Mapping[str, str] = (pod.get("metadata") or {}).get("annotations") or {}
    return found


def labels(pod: Object) -> Mapping[str, str]:
    found: Mapping[str, str] = (pod.get("metadata") or {}).get("labels") or {}
    return found
