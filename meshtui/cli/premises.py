"""What injection on this side has to know of a cluster: settings, anchors, addresses, and what namespaces ask for.

`meshtui inject` begins with it. Where settings come from files, the cluster is asked only for what they leave open;
annotations that cannot be read are done without, and that is said.
"""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple

from meshcore.client.failure import ClientError
from meshcore.inject import addresses, names
from meshcore.inject.decide import wants
from meshcore.inject.settings import Settings, SettingsError, read
from meshtui.cli import output, where
from meshtui.cli.fault import Fault
from meshtui.cli.scope import run
from meshtui.sources.kubeconfig import open_kube

if TYPE_CHECKING:
    from meshcore.kube.session import Session

Annotations = Mapping[str, str]


class Premises(NamedTuple):
    """`namespaces` has what each wants by its name; by "", of where objects go that name none."""

    settings: Settings
    anchors_pem: str
    namespaces: Mapping[str, Annotations]


def of_cluster(home: str, namespace: str, spaces: Collection[str]) -> Premises:
    """Return what the mesh in namespace `home` is set up with, and what the namespaces `spaces` ask for."""
    found: list[Premises] = []

    async def verb() -> None:
        from meshcore.kube.failure import KubeError

        try:
            async with open_kube(where.cluster()) as cluster:
                text = await _value(cluster, home, names.CONFIG_MAP, names.CONFIG_KEY)
                anchors = await _value(cluster, home, names.ANCHORS_MAP, names.ANCHORS_KEY)
                settings = settings_of(text, f"ConfigMap {home}/{names.CONFIG_MAP}")
                settings = await _resolved(cluster, settings)
                found.append(Premises(settings, anchors, await _annotations(cluster, namespace, spaces)))
        except (KubeError, ClientError) as error:
            raise Fault(error.message, f"{error.hint}; or give --config and --anchors") from None

    run(verb)
    return found[0]


def of_files(settings: Settings, anchors_pem: str, namespace: str, spaces: Collection[str]) -> Premises:
    """Return what files say, and what a cluster adds to it, if one is there."""
    found = [Premises(settings, anchors_pem, {})]

    async def verb() -> None:
        from meshcore.kube.failure import KubeError

        try:
            async with open_kube(where.cluster()) as cluster:
                complete = await _resolved(cluster, settings)
                found[0] = Premises(complete, anchors_pem, await _annotations(cluster, namespace, spaces))
        except (KubeError, ClientError) as error:
            if settings.addresses.by_ip:
                hint = f"{error.hint}; or write the Services' addresses into the file, and no byIp"
                raise Fault(f"addresses.byIp has to ask the cluster: {error.message}", hint) from None
            output.note(f"annotations of namespaces are not heeded: {error.message}")

    if settings.addresses.by_ip or spaces:
        run(verb)
    return found[0]


def settings_of(text: str, source: str) -> Settings:
    """Return the settings that a document holds; raises Fault."""
    try:
        return read(text)
    except SettingsError as error:
        raise Fault(f"{source}: {error}", "correct it there first") from None


async def _value(cluster: "Session", namespace: str, name: str, key: str) -> str:
    from meshcore.kube.objects import CONFIG_MAPS

    document = await cluster.get(CONFIG_MAPS.path(namespace, name))
    value = (document.get("data") or {}).get(key)
    if not isinstance(value, str):
        raise Fault(f"ConfigMap {namespace}/{name} has no {key}", "`meshtui upgrade | kubectl apply -f -` writes it")
    return value


async def _resolved(cluster: "Session", settings: Settings) -> Settings:
    """Return settings with the addresses of the control plane's Services where they want them."""
    from meshcore.kube.objects import SERVICES

    known: dict[addresses.Service, str] = {}
    for namespace, name in addresses.services(settings):
        service = await cluster.get(SERVICES.path(namespace, name))
        address = str((service.get("spec") or {}).get("clusterIP") or "")
        if address in ("", "None"):
            raise Fault(f"Service {namespace}/{name} has no address", f"`kubectl get service -n {namespace} {name}`")
        known[namespace, name] = address
    return addresses.resolved(settings, known) or settings


async def _annotations(cluster: "Session", namespace: str, spaces: Collection[str]) -> dict[str, Annotations]:
    """Return what namespaces want; one that is not there yet wants nothing."""
    from meshcore.kube.failure import NOT_FOUND, KubeError
    from meshcore.kube.objects import NAMESPACES

    found: dict[str, Annotations] = {}
    for space in sorted(spaces):
        name = space or namespace or cluster.namespace or "default"
        try:
            found[space] = wants(await cluster.get(NAMESPACES.path(name=name)))
        except KubeError as error:
            if error.code != NOT_FOUND:
                output.note(f"annotations of namespace {name} are not heeded: {error.message}")
    return found
