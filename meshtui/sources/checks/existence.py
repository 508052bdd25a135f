"""Whether the mesh is set up, and whether all of it is there: settings, accounts, rights, Services, kinds; pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from meshcore.inject.names import CONFIG_KEY, CONFIG_MAP
from meshcore.inject.settings import SettingsError, read
from meshcore.kube.needs import CONTROL_PLANE, NEEDS, SCOPED, Need
from meshcore.kube.objects import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    CONFIG_MAPS,
    CUSTOM_RESOURCES,
    MESH_KINDS,
    NAMESPACES,
    ROLE_BINDINGS,
    ROLES,
    SERVICE_ACCOUNTS,
    SERVICES,
    Kind,
)
from meshcore.wire.control_pb2 import CheckItem
from meshtui.model.check import bad, good, judge, some
from meshtui.sources.checks.facts import ACCOUNT, Facts, Place, absent, unseen

SYSTEM = "kube-system"
READER = "extension-apiserver-authentication-reader"
DOORS = ("meshtui-identity", "meshtui-control", "meshtui-observe", "meshtui-webhook")
OWN_DOORS = DOORS[:2]  # of a mesh of one namespace
ROOMS = ("meshtui-view", "meshtui-tap")
DEFINITIONS = tuple(f"{kind.plural}.{kind.group}" for kind in MESH_KINDS)


def places(mesh: str, *, scoped: bool = False) -> list[Place]:
    """Return the objects that these checks look at; `scoped`: of a mesh of that one namespace."""
    own: list[Place] = [
        (NAMESPACES, "", mesh),
        (CONFIG_MAPS, mesh, CONFIG_MAP),
        (SERVICE_ACCOUNTS, mesh, ACCOUNT),
        *((SERVICES, mesh, name) for name in (OWN_DOORS if scoped else DOORS)),
        (ROLES, mesh, ACCOUNT),
        (ROLE_BINDINGS, mesh, ACCOUNT),
    ]
    if scoped:
        return own
    return [
        *own,
        *((CLUSTER_ROLES, "", name) for name in (ACCOUNT, *ROOMS)),
        (CLUSTER_ROLE_BINDINGS, "", ACCOUNT),
        (ROLE_BINDINGS, SYSTEM, ACCOUNT),
        *((CUSTOM_RESOURCES, "", name) for name in DEFINITIONS),
    ]


def configured(facts: Facts) -> Iterator[CheckItem]:
    """The settings are there and can be used."""
    seen = facts.see(CONFIG_MAPS, CONFIG_MAP, facts.mesh)
    what = f"ConfigMap {CONFIG_MAP} exists"
    item = absent(what, seen, f"there is none in namespace {facts.mesh}", facts.repair)
    yield item or good(what)
    if item is not None:
        return
    assert seen.value is not None
    error = ""
    try:
        read((seen.value.get("data") or {}).get(CONFIG_KEY, ""))
    except SettingsError as problem:
        error = str(problem)
    edit = f"`kubectl edit configmap {CONFIG_MAP} -n {facts.mesh}`: correct it; the last good settings stay in force"
    yield judge("its settings can be used", error, edit)


def complete(facts: Facts) -> Iterator[CheckItem]:
    """Each object of the installation is there, and says what it has to."""
    mesh = facts.mesh
    namespace = _there(facts, NAMESPACES, mesh)
    yield namespace
    if facts.see(NAMESPACES, mesh).absent:
        return
    yield _there(facts, SERVICE_ACCOUNTS, ACCOUNT, mesh)
    yield from _rights(facts)
    for name in OWN_DOORS if facts.scoped else DOORS:
        yield _there(facts, SERVICES, name, mesh)
    if facts.scoped:
        return
    for name in ROOMS:
        yield _there(facts, CLUSTER_ROLES, name)
    yield _together(facts, "the mesh's kinds are defined", [(CUSTOM_RESOURCES, "", name) for name in DEFINITIONS])


def _rights(facts: Facts) -> Iterator[CheckItem]:
    mesh = facts.mesh
    needs = SCOPED if facts.scoped else [need for need in NEEDS if need.role in CONTROL_PLANE]
    for kind, space, scope in ((CLUSTER_ROLES, "", "cluster"), (ROLES, mesh, "mesh")):
        if facts.scoped and not space:
            continue
        what = f"{kind.kind} {ACCOUNT} allows what this version needs"
        seen = facts.see(kind, ACCOUNT, space)
        lacking = lacks(seen.value or {}, [need for need in needs if need.scope == scope])
        yield absent(what, seen, "it does not exist", facts.repair) or judge(
            what, f"it lacks {some(lacking)}: it is another version's" if lacking else "", facts.repair
        )
    own = (ROLE_BINDINGS, ACCOUNT, mesh)
    beyond = ((CLUSTER_ROLE_BINDINGS, ACCOUNT, ""), (ROLE_BINDINGS, READER, SYSTEM))
    for kind, role, space in (own,) if facts.scoped else (own, *beyond):
        where = f" in {space}" if space else ""
        what = f"{kind.kind} {ACCOUNT}{where} gives {role} to the control plane"
        seen = facts.see(kind, ACCOUNT, space)
        gone = "it does not exist: the control plane may not ask what it has to"
        given = (seen.value or {}).get("roleRef", {}).get("name")
        # What a binding gives cannot be changed.
        away = f"`kubectl delete {kind.kind.lower()} {ACCOUNT}{f' -n {space}' if space else ''}`, then "
        yield absent(what, seen, gone, facts.repair) or judge(
            what, _bound(seen.value or {}, role, mesh), away * (given != role) + facts.repair
        )


def lacks(role: Mapping[str, Any], needs: Iterable[Need]) -> list[str]:
    """Return what is needed and a role's rules do not allow."""
    rules = role.get("rules") or ()
    return [
        f"{verb} {need.resource}"
        for need in needs
        for verb in need.verbs
        if not any(_allows(rule, verb, need.group, need.resource, need.names) for rule in rules)
    ]


def _allows(rule: Mapping[str, Any], verb: str, group: str, resource: str, names: tuple[str, ...]) -> bool:
    limited = rule.get("resourceNames") or ()
    wanted = (("verbs", verb), ("apiGroups", group), ("resources", resource))
    return all({value, "*"} & set(rule.get(part) or ()) for part, value in wanted) and (
        not limited or (bool(names) and set(names) <= set(limited))
    )


def _bound(binding: Mapping[str, Any], role: str, mesh: str) -> str:
    """Return what is wrong with a binding; empty: nothing."""
    given = (binding.get("roleRef") or {}).get("name")
    if given != role:
        return f"it gives {given}"
    subjects = binding.get("subjects") or ()
    ours = ("ServiceAccount", ACCOUNT, mesh)
    if any((each.get("kind"), each.get("name"), each.get("namespace")) == ours for each in subjects):
        return ""
    return f"ServiceAccount {mesh}/{ACCOUNT} is none of its subjects"


def _there(facts: Facts, kind: Kind, name: str, namespace: str = "") -> CheckItem:
    what = f"{kind.kind} {name} exists"
    return absent(what, facts.see(kind, name, namespace), "it does not exist", facts.repair) or good(what)


def _together(facts: Facts, what: str, wanted: list[Place]) -> CheckItem:
    seen = [(name, facts.objects[kind, space, name]) for kind, space, name in wanted]
    missing = [name for name, each in seen if each.absent]
    if missing:
        return bad(what, f"missing: {', '.join(missing)}", facts.repair)
    hidden = next((item for _, each in seen if (item := unseen(what, each)) is not None), None)
    return hidden or good(what)
