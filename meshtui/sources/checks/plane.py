"""The control plane itself: its pods, its version, what it says of itself, and whether one may fail; pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from meshcore.inject.images import parts
from meshcore.kube.needs import INJECTOR
from meshcore.kube.objects import DEPLOYMENTS, MUTATING_WEBHOOKS, metadata_of
from meshcore.kube.parts import DISRUPTION_BUDGETS
from meshcore.wire.control_pb2 import CheckItem
from meshcore.wire.version import VERSION
from meshtui.model.check import bad, good, judge, some, warn
from meshtui.sources.checks.facts import ACCOUNT, Facts, Place, absent, is_release, unseen


def places(mesh: str) -> list[Place]:
    """Return the objects that these checks look at."""
    return [(DEPLOYMENTS, mesh, ACCOUNT), (DISRUPTION_BUDGETS, mesh, ACCOUNT)]


def running(facts: Facts) -> Iterator[CheckItem]:
    """Its pods are there and ready."""
    seen = facts.see(DEPLOYMENTS, ACCOUNT, facts.mesh)
    what = f"Deployment {ACCOUNT} exists"
    item = absent(what, seen, "it does not exist", facts.repair)
    yield item or good(what)
    if item is None:
        deployment = seen.value or {}
        wanted = (deployment.get("spec") or {}).get("replicas", 1)
        ready = (deployment.get("status") or {}).get("readyReplicas", 0)
        error = "" if 0 < wanted <= ready else f"{ready} of {wanted} are ready"
        said = [text for pod in facts.controllers.value or () if (text := trouble(pod))]
        hint = f"`kubectl describe pods -n {facts.mesh}` and `kubectl logs -n {facts.mesh} deploy/{ACCOUNT}` say why"
        if error and not facts.controllers.value and (text := unmade(deployment)):
            said, hint = [text], f"`kubectl describe replicasets -n {facts.mesh}` has it in full"
        elif any("Image" in " ".join(text.split()[:2]) for text in said):
            image = facts.as_it_is("--set images.controller=IMAGE")
            hint = f"put the image where the nodes can fetch it, or name another: {image}"
        error += f": {some(said)}" if error and said else ""
        if wanted == 0:
            hint = f"`kubectl scale deploy/{ACCOUNT} -n {facts.mesh} --replicas=1`"
        yield judge("its pods are ready", error, hint)
    for category in facts.told.value or ():
        if category.name == "meshtui-policy":
            yield from category.checks


def trouble(pod: Mapping[str, Any]) -> str:
    """Return what keeps a pod from being ready; empty where it says nothing."""
    status = pod.get("status") or {}
    name = metadata_of(pod).get("name", "")
    for each in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        state = each.get("state") or {}
        waits = state.get("waiting") or state.get("terminated") or {}
        if waits.get("reason") and waits["reason"] != "Completed":
            return " ".join(f"{name} {waits['reason']} {waits.get('message') or ''}".split())[:200]
    for each in status.get("conditions") or ():
        if each.get("type") == "PodScheduled" and each.get("status") == "False":
            return f"{name} {each.get('reason')}: {each.get('message')}"[:200]
    return ""


def unmade(deployment: Mapping[str, Any]) -> str:
    """Return why no pod of a Deployment can be made; empty where nothing is said."""
    for each in (deployment.get("status") or {}).get("conditions") or ():
        if each.get("type") == "ReplicaFailure" and each.get("status") == "True":
            return " ".join(f"{each.get('reason')}: {each.get('message')}".split())[:300]
    return ""


def version(facts: Facts) -> Iterator[CheckItem]:
    """The control plane and this meshtui understand each other."""
    what = "the control plane and this meshtui speak the same protocol"
    hello = facts.hello
    upgrade = f"{facts.upgrade} brings the mesh to this version"
    if hello.failure is not None and hello.failure.code == "version":
        yield bad(what, hello.failure.message, hello.failure.hint)  # which of the two is the older
    elif hello.value is not None:
        yield good(what)
        other = "" if hello.value.version == VERSION else f"it is {hello.value.version}, this is {VERSION}"
        yield warn(f"the control plane's version is {VERSION}", other, upgrade)
    if facts.see(DEPLOYMENTS, ACCOUNT, facts.mesh).value is not None:
        tag = parts(facts.image)[1]
        error = f"its image is {facts.image}, this meshtui is {VERSION}" if is_release(tag) and tag != VERSION else ""
        yield warn("the control plane's image is this version's", error, upgrade)


def replicated(facts: Facts) -> bool:
    """Tell whether the mesh was installed to outlive a replica."""
    deployment = facts.objects.get((DEPLOYMENTS, facts.mesh, ACCOUNT))
    return (
        deployment is not None
        and not facts.scoped
        and ((deployment.value or {}).get("spec") or {}).get("replicas", 1) > 1
    )


def available(facts: Facts) -> Iterator[CheckItem]:
    """Where there are replicas, what belongs to them."""
    deployment = facts.see(DEPLOYMENTS, ACCOUNT, facts.mesh).value or {}
    status = deployment.get("status") or {}
    ready = status.get("readyReplicas", 0)
    hint = f"`kubectl get pods -n {facts.mesh} -o wide` shows which is missing"
    yield judge("more than one replica is ready", "" if ready > 1 else f"{ready} is", hint)
    again = f"{facts.as_it_is('--ha')} sets it"
    seen = facts.see(DISRUPTION_BUDGETS, ACCOUNT, facts.mesh)
    what = f"PodDisruptionBudget {ACCOUNT} exists"
    yield unseen(what, seen) or warn(
        what, "it does not exist: a drain may take all at once" if seen.absent else "", again
    )
    hook = facts.see(MUTATING_WEBHOOKS, INJECTOR)
    what = "pods wait for their sidecar (failurePolicy Fail)"
    policies = {each.get("failurePolicy") for each in (hook.value or {}).get("webhooks") or ()}
    if hook.value is not None:
        yield warn(what, "" if policies == {"Fail"} else "they go on without where the injector is away", again)
    affinity = ((((deployment.get("spec") or {}).get("template") or {}).get("spec") or {}).get("affinity")) or {}
    spread = "podAntiAffinity" in affinity
    yield warn("replicas run on different nodes", "" if spread else "the Deployment has no podAntiAffinity", again)
