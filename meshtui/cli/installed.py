"""What a cluster has of a mesh, and what is beside it in its namespace: asked before manifests are printed.

`install.py` calls these with a session; each raises Fault with the next step, or KubeError.
"""

from typing import TYPE_CHECKING, Any

from meshcore.inject.names import ANCHORS_MAP, CONFIG_KEY, CONFIG_MAP, ISSUER_SECRET
from meshcore.inject.settings import Settings, SettingsError, read
from meshtui.cli import manifests, output
from meshtui.cli.fault import Fault

if TYPE_CHECKING:
    from meshcore.kube.session import Session


async def refuse_second(cluster: "Session", namespace: str, *, namespaced: bool, external: bool) -> None:
    """Raise Fault if there is a mesh already: a second anchor would make its pods strangers to each other."""
    from meshcore.kube.failure import NO_SUCH_API, NOT_FOUND, KubeError
    from meshtui.sources.checks import earlier

    found: dict[Any, Any] = {}
    others: list[str] = []
    try:
        for kind, space, name in earlier.places(namespace, scoped=namespaced):
            try:
                found[kind, space, name] = await cluster.get(kind.path(space or None, name))
            except KubeError as error:
                if error.code not in (NOT_FOUND, NO_SUCH_API):
                    raise
        if not namespaced:
            others += await beside(cluster, namespace, workloads=True)
    except KubeError as error:
        raise Fault(error.message, f"{error.hint}; or say --ignore-cluster") from None
    flags = " --namespaced" * namespaced
    flags += "" if namespace == manifests.NAMESPACE else f" --mesh-namespace {namespace}"
    for trace in earlier.traces(namespace, found, f"`meshtui upgrade{flags}`").values():
        if not (external and trace.issuer):
            raise Fault(trace.error if trace.issuer else f"a mesh is installed already: {trace.error}", trace.hint)
    crowd = earlier.crowd(namespace, others)
    if crowd is not None:
        raise Fault(crowd.error, crowd.hint)


class Unset(Fault):
    """There are no settings of a mesh."""


async def settings_of(cluster: "Session", namespace: str) -> Settings:
    """Return the settings of the mesh that a namespace has; raises Fault or KubeError."""
    from meshcore.kube.failure import NOT_FOUND, KubeError
    from meshcore.kube.objects import CONFIG_MAPS

    try:
        found = await cluster.get(CONFIG_MAPS.path(namespace, CONFIG_MAP))
        return read((found.get("data") or {}).get(CONFIG_KEY, ""))
    except KubeError as error:
        if error.code != NOT_FOUND:
            raise
        raise Unset(f"no mesh is installed in namespace {namespace}", "`meshtui install` prints one") from None
    except SettingsError as error:
        raise Fault(f"ConfigMap {namespace}/{CONFIG_MAP}: {error}", "correct it there first") from None


async def renewed(cluster: "Session", namespace: str, ours: Settings) -> Settings:
    """Return the settings of an installed mesh; where they are gone and it is not, those that the rest of it tells."""
    from meshcore.kube.objects import CONFIG_MAPS, DEPLOYMENTS

    try:
        return await settings_of(cluster, namespace)
    except Unset:
        deployment = await _found(cluster, DEPLOYMENTS.path(namespace, manifests.ACCOUNT))
        if deployment is None and await _found(cluster, CONFIG_MAPS.path(namespace, ANCHORS_MAP)) is None:
            raise
    kept = "all but trust domain and images" if deployment else "all"
    output.note(f"ConfigMap {namespace}/{CONFIG_MAP} is gone: {kept} is set as at first; --set changes it.")
    return manifests.recalled(ours, namespace, deployment or {})


async def _found(cluster: "Session", path: str) -> Any:
    from meshcore.kube.failure import NOT_FOUND, KubeError

    try:
        return await cluster.get(path)
    except KubeError as error:
        if error.code != NOT_FOUND:
            raise
        return None


async def replicated(cluster: "Session", namespace: str) -> bool:
    """Return whether the installed mesh is one of --ha; raises Fault where that may not be seen."""
    from meshcore.kube.failure import FORBIDDEN, NOT_FOUND, KubeError
    from meshcore.kube.needs import INJECTOR
    from meshcore.kube.objects import DEPLOYMENTS, MUTATING_WEBHOOKS

    places = (DEPLOYMENTS.path(namespace, manifests.ACCOUNT), MUTATING_WEBHOOKS.path(name=INJECTOR))
    for place in places:
        try:
            if manifests.replicated([await cluster.get(place)]):
                return True
        except KubeError as error:
            if error.code == FORBIDDEN:
                raise Fault(
                    f"whether the mesh has replicas is not seen: {error.message}", "say --ha or --no-ha"
                ) from None
            if error.code != NOT_FOUND:
                raise
    return False


async def present(cluster: "Session", namespace: str, *, namespaced: bool) -> list[Any]:
    """Return all objects in the cluster that are part of the mesh, the namespace first."""
    from meshcore.kube.parts import parts

    return await parts(cluster, namespace, "=".join(manifests.PART_OF), scoped=namespaced)


async def beside(cluster: "Session", namespace: str, *, workloads: bool = False) -> list[str]:
    """Return what is in the mesh's namespace besides it, perhaps of what runs only."""
    from meshcore.kube.objects import SECRETS
    from meshcore.kube.parts import HELD, WORKLOADS, strangers

    kinds = WORKLOADS if workloads else HELD
    return await strangers(
        cluster, namespace, "=".join(manifests.PART_OF), kinds=kinds, but=((SECRETS, ISSUER_SECRET),)
    )


def some(names: list[str]) -> str:
    """Return the first few of many names."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more}"
