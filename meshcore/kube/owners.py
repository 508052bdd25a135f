"""From a pod to the workload that a person knows it by: Deployment, StatefulSet, DaemonSet, CronJob …; pure.

A pod names the ReplicaSet that made it, and the ReplicaSet its Deployment. Where the ReplicaSet is not at hand its
name says the same: a Deployment names its ReplicaSets after itself and the hash that the pod carries as a label.
Used by discovery and the injector.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from meshcore.kube.objects import labels_of, metadata_of

HASH = "pod-template-hash"
_SCHEDULED = re.compile(
    r"(?P<name>.+)-\d{8}"
)  # a CronJob names a Job after itself and the minute, since 1970, it was due


@dataclass(frozen=True, slots=True)
class Owner:
    """A workload, by its kind as its API spells it ("Deployment"), and its name."""

    kind: str
    name: str


Lookup = Callable[[str, str], Mapping[str, Any] | None]  # kind and name, in the pod's namespace


def owner_of(each: Mapping[str, Any]) -> Owner | None:
    """Return an object's controller, as its ownerReferences say it."""
    for reference in metadata_of(each).get("ownerReferences") or ():
        if reference.get("controller"):
            return Owner(reference.get("kind") or "", reference.get("name") or "")
    return None


def workload_of(pod: Mapping[str, Any], lookup: Lookup | None = None) -> Owner:
    """Return the workload a pod belongs to: itself, when nothing owns it.

    `lookup` returns the ReplicaSet or Job of a name where it is known; without it, names decide.
    """
    owner = owner_of(pod)
    if owner is None:
        return Owner("Pod", _name(pod))
    if owner.kind == "ReplicaSet":
        return _above(owner, lookup) or _deployment(owner, labels_of(pod).get(HASH, ""))
    if owner.kind == "Job":
        return _above(owner, lookup) or _cron_job(owner)
    return owner


def _name(pod: Mapping[str, Any]) -> str:
    """Return a pod's name; one that is just being admitted may have only what its name will begin with."""
    metadata = metadata_of(pod)
    return metadata.get("name") or (metadata.get("generateName") or "").rstrip("-")


def _above(owner: Owner, lookup: Lookup | None) -> Owner | None:
    found = lookup(owner.kind, owner.name) if lookup else None
    if found is None:
        return None
    return owner_of(found) or owner


def _deployment(owner: Owner, template: str) -> Owner:
    """Return the Deployment whose name a ReplicaSet's name begins with; a ReplicaSet of its own carries no hash."""
    if template and owner.name.endswith(f"-{template}"):
        return Owner("Deployment", owner.name[: -len(template) - 1])
    return owner


def _cron_job(owner: Owner) -> Owner:
    match = _SCHEDULED.fullmatch(owner.name)
    return Owner("CronJob", match["name"]) if match else owner
