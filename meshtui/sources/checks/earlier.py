"""What would be in the way of a mesh: traces of one that is there already, or was, and what others run; pure.

`meshtui check --pre` tells of them, `meshtui install` refuses. Both are here, so that they agree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meshcore.kube.needs import INJECTOR, ISSUER, TRUST
from meshcore.kube.objects import CONFIG_MAPS, MUTATING_WEBHOOKS, SECRETS, Object
from meshtui.model.check import some
from meshtui.sources.checks.facts import Place


@dataclass(frozen=True, slots=True)
class Trace:
    """Something that would be in the way."""

    error: str
    hint: str
    issuer: bool = False  # an issuer without anchors, as there is before an install where somebody else keeps it
    foreign: bool = False  # and somebody else does, as it seems


def places(mesh: str, *, scoped: bool = False) -> list[Place]:
    """Return the objects that are looked at, before a mesh in a namespace; `scoped`: of that namespace alone."""
    own: list[Place] = [(CONFIG_MAPS, mesh, TRUST), (SECRETS, mesh, ISSUER)]
    # A mesh of one namespace has no webhook: it may stand beside the cluster's, and its owner may not look at that.
    return own if scoped else [*own, (MUTATING_WEBHOOKS, "", INJECTOR)]


def traces(mesh: str, objects: Mapping[Place, Object | None], upgrade: str) -> dict[Place, Trace]:
    """Return what is in the way, by where it was seen; `upgrade` is the command that keeps a mesh of this namespace."""
    found: dict[Place, Trace] = {}
    anchors, issuer, webhook = (CONFIG_MAPS, mesh, TRUST), (SECRETS, mesh, ISSUER), (MUTATING_WEBHOOKS, "", INJECTOR)
    secret = objects.get(issuer)
    if objects.get(anchors) is not None:
        found[anchors] = Trace(
            f"ConfigMap {mesh}/{TRUST} holds its trust anchor",
            f"`meshtui check` looks at it, {upgrade} keeps it; `meshtui identity rotate` says how to replace it",
        )
    elif secret is not None:
        found[issuer] = _left(mesh, secret)
    other = home_of(objects.get(webhook))
    if other not in ("", mesh):
        found[webhook] = Trace(
            f"MutatingWebhookConfiguration {INJECTOR} is that of the mesh in namespace {other}",
            f"`meshtui upgrade --mesh-namespace {other}` renews it, `meshtui uninstall --mesh-namespace {other} | "
            "kubectl delete -f -` takes it away; a mesh of one namespace (--namespaced) may be beside it",
        )
    return found


def crowd(mesh: str, others: Sequence[str]) -> Trace | None:
    """Return what is in the way where others run something in the mesh's namespace."""
    if not others:
        return None
    return Trace(
        f"namespace {mesh} holds {some(others)}, and the mesh would restrict all of it (Pod Security)",
        "name one of its own, --mesh-namespace NS, or say --namespaced for a mesh of that namespace alone",
    )


def home_of(webhook: Object | None) -> str:
    """Return the namespace that the injector's webhook leads to; empty: to none."""
    for hook in (webhook or {}).get("webhooks") or ():
        service = (hook.get("clientConfig") or {}).get("service") or {}
        if service.get("namespace"):
            return str(service["namespace"])
    return ""


def _left(mesh: str, secret: Object) -> Trace:
    delete = f"`kubectl delete secret {ISSUER} -n {mesh}` and a new authority is made"
    if "tls.crt" in (secret.get("data") or {}):
        return Trace(
            f"Secret {mesh}/{ISSUER} holds an issuer of somebody else's, such as cert-manager's",
            f"`meshtui install --identity-external --identity-anchors FILE` leaves it to them; else {delete}",
            issuer=True,
            foreign=True,
        )
    return Trace(
        f"Secret {mesh}/{ISSUER} holds the issuer of an earlier mesh, whose anchors in ConfigMap {TRUST} are gone",
        f"where pods still trust it, put the ConfigMap back, the Secret has a copy in anchors.pem; else {delete}",
        issuer=True,
    )
