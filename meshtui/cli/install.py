"""`meshtui install | upgrade | uninstall | prune`: manifests on stdout, for kubectl to apply or delete.

Nothing is changed in a cluster by these verbs themselves. They look at it first, unless told not to: whether a mesh is
there already, whose trust anchor must not be replaced by accident, and whether pods still depend on it.
"""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from meshcore.client.failure import ClientError
from meshcore.inject.images import parts, tagged
from meshcore.inject.names import ANCHORS_MAP, ISSUER_SECRET, MESHED
from meshcore.inject.settings import Settings
from meshcore.wire.ids import is_label
from meshtui.cli import installed, manifests, output, where
from meshtui.cli.fault import USAGE, Fault
from meshtui.cli.scope import run
from meshtui.sources.kubeconfig import open_kube

if TYPE_CHECKING:
    from meshcore.kube.session import Session


def _label(namespace: str) -> str:
    if not is_label(namespace):
        raise Fault(
            f"--mesh-namespace {namespace!r} cannot name a namespace",
            "use lower-case letters, digits and '-', at most 63",
            status=USAGE,
        )
    return namespace


Home = Annotated[
    str, typer.Option("--mesh-namespace", help="Namespace of the control plane.", metavar="NS", callback=_label)
]
Prefix = Annotated[
    str, typer.Option("--image-prefix", help="Before the images' names, e.g. registry.example.com/mesh/.")
]
Tag = Annotated[str, typer.Option("--image-tag", help="Of both images, instead of this version's.")]
Domain = Annotated[str, typer.Option("--trust-domain", help="Of all SPIFFE IDs; for good.")]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", help="A setting, e.g. proxy.cpuRequest=50m; repeatable.", metavar="PATH=VALUE"),
]
Anchors = Annotated[str, typer.Option("--identity-anchors", help="Trust anchors of your own, PEM.", metavar="FILE")]
IssuerFile = Annotated[str, typer.Option("--identity-issuer", help="Issuer under them, PEM.", metavar="FILE")]
KeyFile = Annotated[str, typer.Option("--identity-issuer-key", help="Its key, PEM.", metavar="FILE")]
HA = typer.Option(False, "--ha", help="Three replicas, a disruption budget, and pods that wait for their sidecar.")
KEEP_HA = typer.Option(None, "--ha/--no-ha", help="With three replicas, or with one; else as it is installed.")
EXTERNAL = typer.Option(
    False, "--identity-external", help=f"Secret {ISSUER_SECRET} is somebody else's (cert-manager's) to keep."
)
EXTERNAL_USE = "say --identity-external --identity-anchors FILE: pods are told whom to trust before there is an issuer"
NAMESPACED = typer.Option(
    False,
    "--namespaced",
    help="A mesh of that one namespace, without any right beyond it: no webhook, no cluster role.",
)
IGNORE = typer.Option(False, "--ignore-cluster", help="Do not look at the cluster first.")
FORCE = typer.Option(False, "--force", help="Even while pods depend on it.")


def install(
    namespace: Home = manifests.NAMESPACE,
    ha: bool = HA,
    namespaced: bool = NAMESPACED,
    prefix: Prefix = "",
    tag: Tag = "",
    trust_domain: Domain = "",
    changes: Changes = None,
    anchors: Anchors = "",
    issuer: IssuerFile = "",
    issuer_key: KeyFile = "",
    external: bool = EXTERNAL,
    ignore_cluster: bool = IGNORE,
) -> None:
    """Print the mesh, for kubectl apply -f -."""
    _refuse_both(ha, namespaced=namespaced)
    objects = manifests.load(ha=ha, namespaced=namespaced)
    settings = manifests.placed(manifests.settings_of(objects), namespace, prefix, tag, trust_domain)
    settings = manifests.changed(settings, changes or [])
    if settings.identity.external and not external:
        raise Fault("--set identity.external is not enough", EXTERNAL_USE, status=USAGE)
    identity = _identity(namespace, anchors, issuer, issuer_key, external=external)
    if external:
        settings = manifests.changed(settings, ["identity.external=true"])
    if not ignore_cluster:
        _ask(lambda cluster: installed.refuse_second(cluster, namespace, namespaced=namespaced, external=external))
    found = manifests.adapt(objects, settings, namespace)
    sys.stdout.write(manifests.text([found[0], *identity, *found[1:]]))


def upgrade(
    namespace: Home = manifests.NAMESPACE,
    ha: bool | None = KEEP_HA,
    namespaced: bool = NAMESPACED,
    tag: Tag = "",
    changes: Changes = None,
) -> None:
    """Print the installed mesh as of this version.

    Its settings, its trust anchor and its replicas (--ha) stay as they are.
    """
    _refuse_both(ha, namespaced=namespaced)
    looked: list[tuple[Settings, bool]] = []
    ours = manifests.settings_of(manifests.load(namespaced=namespaced))

    async def look(cluster: "Session") -> None:
        settings = await installed.renewed(cluster, namespace, ours)
        unsaid = ha is None and not namespaced
        looked.append((settings, await installed.replicated(cluster, namespace) if unsaid else bool(ha)))

    _ask(look)
    ((settings, replicas),) = looked
    objects = manifests.load(ha=replicas, namespaced=namespaced)
    images = {
        part: tagged(getattr(settings.images, part), tag or parts(getattr(ours.images, part))[1])
        for part in ("agents", "controller")
    }
    settings = msgspec.structs.replace(settings, images=msgspec.structs.replace(settings.images, **images))
    settings = manifests.changed(settings, changes or [])
    sys.stdout.write(manifests.text(manifests.adapt(objects, settings, namespace)))


def uninstall(namespace: Home = manifests.NAMESPACE, namespaced: bool = NAMESPACED, force: bool = FORCE) -> None:
    """Print all of the mesh, for kubectl delete -f -."""
    found: list[Any] = []
    others: list[str] = []

    async def look(cluster: "Session") -> None:
        from meshcore.kube.objects import PODS

        meshed = await cluster.list(PODS.path(namespace if namespaced else None), labels=f"{MESHED}=true")
        if meshed.items and not force:
            names = sorted(f"{one['metadata']['namespace']}/{one['metadata']['name']}" for one in meshed.items)
            raise Fault(
                f"pods still have sidecars: {installed.some(names)}",
                "take the annotation away and restart them, or say --force",
            )
        found.extend(await installed.present(cluster, namespace, namespaced=namespaced))
        if not namespaced:
            others.extend(await installed.beside(cluster, namespace))

    _ask(look)
    if others and any(each["kind"] == "Namespace" for each in found):
        found[:] = [each for each in found if each["kind"] != "Namespace"]
        output.note(
            f"Namespace {namespace} stays: it holds {installed.some(others)}. "
            f"`kubectl delete namespace {namespace}` takes all of it away."
        )
    if not found:
        output.note(f"Nothing of the mesh is in {f'namespace {namespace}' if namespaced else 'this cluster'}.")
        return
    sys.stdout.write(manifests.text(_bare(each) for each in reversed(found)))


def prune(namespace: Home = manifests.NAMESPACE, ha: bool | None = KEEP_HA, namespaced: bool = NAMESPACED) -> None:
    """Print what older versions, or a mesh that was one of --ha, left behind."""
    _refuse_both(ha, namespaced=namespaced)
    kept = {("", "Secret", namespace, ISSUER_SECRET), ("", "ConfigMap", namespace, ANCHORS_MAP)}
    found: list[Any] = []

    async def look(cluster: "Session") -> None:
        found.extend(await installed.present(cluster, namespace, namespaced=namespaced))

    _ask(look)
    unsaid = ha is None and not namespaced
    objects = manifests.load(ha=manifests.replicated(found) if unsaid else bool(ha), namespaced=namespaced)
    wanted = {manifests.named(each) for each in manifests.adapt(objects, manifests.settings_of(objects), namespace)}
    stale = [each for each in found if manifests.named(each) not in wanted | kept]
    if not stale:
        output.note("There is nothing to prune.")
        return
    sys.stdout.write(manifests.text(_bare(each) for each in stale))


def _refuse_both(ha: bool | None, *, namespaced: bool) -> None:
    if namespaced and ha:
        raise Fault("--ha is for the mesh of a whole cluster", "leave out --ha or --namespaced", status=USAGE)


def _identity(namespace: str, anchors: str, issuer: str, key: str, *, external: bool) -> list[Any]:
    """Return the objects of the authority: made, or from files; the anchors alone where somebody else is to issue."""
    from meshcore.kube.authority import anchored, fresh, given

    files = {"--identity-anchors": anchors, "--identity-issuer": issuer, "--identity-issuer-key": key}
    missing = [flag for flag, file in files.items() if not file]
    if external and (issuer or key):
        raise Fault("--identity-external takes no issuer of yours", "give --identity-anchors alone", status=USAGE)
    if external and not anchors:
        raise Fault("--identity-external needs the trust anchors that the issuer is under", EXTERNAL_USE, status=USAGE)
    if len(missing) == len(files):
        return [each for _, each in fresh(namespace)]
    if missing and not external:
        raise Fault(f"{missing[0]} is missing", f"give all of {', '.join(files)}, or none", status=USAGE)
    try:
        parts = [Path(file).read_bytes() for file in files.values() if file]
    except OSError as error:
        raise Fault(f"{error.filename}: {error.strerror}", status=USAGE) from None
    try:
        if external:
            return [anchored(namespace, *parts)[1]]
        return [each for _, each in given(namespace, *parts)]
    except ValueError as error:
        hint = "give an issuer that the anchors have signed, with its own key"
        hint = "give certificates of authorities, PEM" if external else hint
        raise Fault(str(error), hint, status=USAGE) from None


def _ask(look: Callable[["Session"], Awaitable[None]]) -> None:
    """Look at the cluster; what fails is told with the way round it."""

    async def verb() -> None:
        from meshcore.kube.failure import KubeError

        try:
            async with open_kube(where.cluster()) as cluster:
                await look(cluster)
        except KubeError as error:
            raise Fault(error.message, error.hint) from None
        except ClientError as error:
            raise Fault(error.message, error.hint) from None

    run(verb)


def _bare(each: Any) -> Any:
    """Return as much of an object as kubectl needs to delete it."""
    meta = {key: each["metadata"][key] for key in ("name", "namespace") if key in each["metadata"]}
    return {"apiVersion": each["apiVersion"], "kind": each["kind"], "metadata": meta}
