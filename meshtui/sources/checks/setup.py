"""What an install needs before it: room for it, and the rights to make it; pure.

A mesh of one namespace needs less of both, and nothing of the cluster.

The control plane's own rights have to be the installer's too, as nobody may give away more than they have, unless they
may escalate. Which those are stands in meshcore/kube/needs.
"""

from collections.abc import Iterator

from meshcore.kube.act import Act
from meshcore.kube.needs import CONTROL_PLANE, NEEDS, PEOPLE, SCOPED
from meshcore.kube.objects import CLUSTER_ROLES, CONFIG_MAPS, LEASES, MUTATING_WEBHOOKS, ROLES, SECRETS
from meshcore.kube.parts import DISRUPTION_BUDGETS, KINDS, SCOPED_KINDS
from meshcore.wire.control_pb2 import CheckItem
from meshtui.model.check import bad, good, judge, some, weak
from meshtui.sources.checks import api, earlier
from meshtui.sources.checks.facts import Facts, Place, unseen

SYSTEM = "kube-system"
FRONT_PROXY = "extension-apiserver-authentication"
ADMIN = (
    "an administrator has to install, or to allow it: "
    "`kubectl create clusterrolebinding NAME --clusterrole=cluster-admin --user=YOU`; "
    "an admin of one namespace can have a mesh of it: `meshtui check --pre --namespaced --mesh-namespace NS`"
)
OWNER = (
    "whoever administers the namespace has to install, or to allow it: "
    "`kubectl create rolebinding NAME -n {mesh} --clusterrole=admin --user=YOU`"
)
# Made by the control plane itself, or by --ha only.
_LATER = (LEASES, DISRUPTION_BUDGETS)


def places(mesh: str, *, scoped: bool = False) -> list[Place]:
    """Return the objects that these checks look at."""
    found = earlier.places(mesh, scoped=scoped)
    return found if scoped else [*found, (CONFIG_MAPS, SYSTEM, FRONT_PROXY)]


def made(mesh: str, *, scoped: bool = False) -> dict[str, Act]:
    """Return what has to be made, by kind."""
    kinds = [kind for kind in (SCOPED_KINDS if scoped else KINDS) if kind not in _LATER]
    return {kind.kind: Act("create", kind.group, kind.plural, mesh if kind.namespaced else "") for kind in kinds}


def given(mesh: str, *, scoped: bool = False) -> list[Act]:
    """Return what the control plane and people are given the right to do."""
    found = []
    for need in SCOPED if scoped else NEEDS:
        space = {"mesh": mesh, "kube-system": SYSTEM}.get(need.scope, "")
        if need.role in (*CONTROL_PLANE, *PEOPLE):
            found += [
                Act(verb, need.group, need.resource, space, name) for verb in need.verbs for name in need.names or ("",)
            ]
    return list(dict.fromkeys(found))


def escalations(mesh: str, *, scoped: bool = False) -> list[Act]:
    """Return what allows somebody to give rights that they do not have."""
    kinds = ((ROLES, mesh),) if scoped else ((CLUSTER_ROLES, ""), (ROLES, mesh))
    return [Act(verb, kind.group, kind.plural, space) for kind, space in kinds for verb in ("escalate", "bind")]


def asked(mesh: str, *, scoped: bool = False) -> list[Act]:
    """Return all that the API server is asked about."""
    return [*made(mesh, scoped=scoped).values(), *given(mesh, scoped=scoped), *escalations(mesh, scoped=scoped)]


def ready(facts: Facts) -> Iterator[CheckItem]:
    """Yield the category."""
    yield from _free(facts)
    if facts.verdicts.value is None:
        what = "what this user may do is known"
        yield unseen(what, facts.verdicts) or bad(what, "the API server does not say", "`kubectl auth can-i --list`")
        return
    verdicts, mesh, scoped = facts.verdicts.value, facts.mesh, facts.scoped
    hint = OWNER.format(mesh=mesh) if scoped else ADMIN
    for kind, act in made(mesh, scoped=scoped).items():
        verdict = verdicts[act]
        yield judge(f"can create {kind}s", "" if verdict.allowed else f"not allowed: {act}", hint)
    missing = [str(act) for act in given(mesh, scoped=scoped) if not verdicts[act].allowed]
    if all(verdicts[act].allowed for act in escalations(mesh, scoped=scoped)):
        missing = []
    yield judge(
        "can give the control plane its rights",
        f"one may only give what one has: {some(missing)}" if missing else "",
        hint,
    )
    if not scoped:
        yield _aggregation(facts)
    yield from api.clock(facts)


def _free(facts: Facts) -> Iterator[CheckItem]:
    """Yield whether another mesh, what was left of one, or what others run, is in the way."""
    what = {
        CONFIG_MAPS: f"no mesh is installed in namespace {facts.mesh} yet",
        SECRETS: f"no issuer is left in namespace {facts.mesh}",
        MUTATING_WEBHOOKS: "no mesh is installed in another namespace",
    }
    wanted = earlier.places(facts.mesh, scoped=facts.scoped)
    found = earlier.traces(facts.mesh, {each: facts.objects[each].value for each in wanted}, facts.upgrade)
    for place in wanted:
        said = what[place[0]]
        trace = found.get(place)
        if trace is None:
            yield unseen(said, facts.objects[place]) or good(said)
        else:
            yield (weak if trace.foreign else bad)(said, trace.error, trace.hint)
    if not facts.scoped:
        said = f"nothing else runs in namespace {facts.mesh}"
        crowd = earlier.crowd(facts.mesh, facts.others.value or ())
        yield unseen(said, facts.others) or (bad(said, crowd.error, crowd.hint) if crowd else good(said))


def _aggregation(facts: Facts) -> CheckItem:
    what = "the API server asks extensions (aggregation layer)"
    seen = facts.see(CONFIG_MAPS, FRONT_PROXY, SYSTEM)
    on = "requestheader-client-ca-file" in ((seen.value or {}).get("data") or {})
    error = "" if on else f"ConfigMap {SYSTEM}/{FRONT_PROXY} names no requestheader-client-ca-file"
    return unseen(what, seen) or judge(
        what, error, "start kube-apiserver with --requestheader-client-ca-file and its kin"
    )
