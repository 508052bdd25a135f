"""One admission review answered: the pod as it came, the verdict, and the patch. Pure; serve.py speaks HTTP.

Nothing here refuses a pod: what cannot have a sidecar is let through without one, and whoever asked is told why
(admission.k8s.io/v1, AdmissionReview).
"""

import base64
import copy
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from meshcore.inject.decide import annotations, decide
from meshcore.inject.patch import inject, operations
from meshcore.inject.settings import Settings
from meshcore.inject.sidecar import Workload
from meshcore.inject.wishes import WishError, wishes
from meshcore.kube.owners import owner_of, workload_of
from meshcore.wire.ids import is_label

CREATED_BY = "meshtui-injector"
INJECTED, SKIPPED = "Injected", "InjectionSkipped"

Object = Mapping[str, Any]


class ReviewError(Exception):
    """What came is no admission review; `str()` is one line."""


class Verdict(NamedTuple):
    """What was decided. `reason` is empty for an injected pod; `loud`: whoever asked for a sidecar should know."""

    uid: str
    namespace: str
    pod: Object
    patch: list[dict[str, Any]]
    reason: str
    loud: bool

    @property
    def event(self) -> str:
        return SKIPPED if self.reason else INJECTED

    def response(self) -> dict[str, Any]:
        """Return the AdmissionReview that answers."""
        found: dict[str, Any] = {"uid": self.uid, "allowed": True}
        if self.patch:
            found["patchType"] = "JSONPatch"
            found["patch"] = base64.b64encode(json.dumps(self.patch).encode()).decode()
        if self.loud:
            found["warnings"] = [f"no meshtui sidecar: {self.reason}"[:256]]
        return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": found}


def request_of(document: Any) -> Object:
    """Return the request of a decoded AdmissionReview; raises ReviewError."""
    request = document.get("request") if isinstance(document, dict) else None
    if not isinstance(request, dict) or not isinstance(request.get("uid"), str):
        raise ReviewError("the body is no AdmissionReview with a request and its uid")
    return request


def review(
    request: Object, namespace: Mapping[str, str], settings: Settings, anchors_pem: str, *, sleeps: bool
) -> Verdict:
    """Return the verdict on a request for a pod; `namespace` is what its namespace wants.

    `sleeps`: this Kubernetes knows the preStop that applications are given where that is wished for.
    """
    where = str(request.get("namespace", ""))
    pod = request.get("object")
    uid = str(request["uid"])
    if not isinstance(pod, dict) or (request.get("kind") or {}).get("kind") != "Pod":
        return Verdict(uid, where, {}, [], "it is no pod", False)
    decision = decide(pod, namespace)
    if not decision.inject:
        return Verdict(uid, where, pod, [], decision.reason, decision.loud)
    try:
        wanted = wishes(settings, annotations(pod), namespace)
    except WishError as error:
        return Verdict(uid, where, pod, [], str(error), True)
    if not sleeps:
        wanted = msgspec.structs.replace(wanted, proxy=msgspec.structs.replace(wanted.proxy, app_pre_stop=""))
    workload = _workload(pod)
    if workload.name and not is_label(workload.name):
        reason = (
            f"{workload.name!r} is no DNS label: a sidecar's workload needs a name without dots, 63 characters at most"
        )
        return Verdict(uid, where, pod, [], reason, True)
    after = copy.deepcopy(pod)
    inject(after, settings, wanted, anchors_pem, workload, CREATED_BY)
    return Verdict(uid, where, pod, list(operations(pod, after)), "", False)


def _workload(pod: Object) -> Workload:
    if owner_of(pod) is None:
        return Workload("pod", "")  # the kubelet fills in its name, which may not be known yet
    owner = workload_of(pod)
    return Workload(owner.kind.lower(), owner.name)
