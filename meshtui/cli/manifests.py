"""The manifests of deploy/ as objects, changed as `install` and `upgrade` are told; no cluster is asked here.

deploy/base is a kustomize base that also applies on its own; what the overlay deploy/ha patches is patched here by the
same file, so that the two ways lead to the same objects.
"""

import copy
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
import yaml

from meshcore.inject.images import parts, tagged
from meshcore.inject.names import CONFIG_KEY, CONFIG_MAP
from meshcore.inject.settings import Settings, SettingsError, convert, write
from meshcore.kube.needs import INJECTOR
from meshtui.cli.fault import USAGE, Fault

Object = dict[str, Any]

REPOSITORY = Path(__file__).resolve().parents[2] / "deploy"
INSTALLED = "share/meshtui/deploy/base/kustomization.yaml"
NAMESPACE = "meshtui"
ACCOUNT = "meshtui-controller"
PART_OF = ("app.kubernetes.io/part-of", "meshtui")


def folder() -> Path:
    """Return deploy/, in the repository or beside an installed meshtui; raises Fault."""
    if (REPOSITORY / "base" / "kustomization.yaml").is_file():
        return REPOSITORY
    try:
        files = metadata.distribution("meshtui").files or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.as_posix().endswith(INSTALLED):
            return Path(str(file.locate())).resolve().parents[1]
    raise Fault("the manifests are missing from this installation", "install meshtui again")


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as people do."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _paragraph(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _paragraph)


def load(*, ha: bool = False, namespaced: bool = False) -> list[Object]:
    """Return the objects of deploy/base, of deploy/ha or of deploy/namespaced, in the order in which they apply."""
    place = folder()
    found = list(_resources(place / ("namespaced" if namespaced else "base")))
    if not ha:
        return found
    overlay = yaml.safe_load((place / "ha" / "kustomization.yaml").read_text())
    for patch in overlay.get("patches") or ():
        target = patch["target"]
        for each in found:
            if each["kind"] == target["kind"] and each["metadata"]["name"] == target["name"]:
                for operation in yaml.safe_load(patch["patch"]):
                    _apply(each, operation)
    return [*found, *_resources(place / "ha", but=("../base",))]


def replicated(objects: Iterable[Object]) -> bool:
    """Tell whether objects of a cluster are those of a mesh that was installed with --ha.

    Neither by its replicas, which people change by hand, nor by its disruption budget, which --no-ha leaves behind.
    """
    kept = {(each["kind"], each["metadata"]["name"]): each for each in objects}
    deployment = kept.get(("Deployment", ACCOUNT), {})
    pod = ((deployment.get("spec") or {}).get("template") or {}).get("spec") or {}
    hooks = kept.get(("MutatingWebhookConfiguration", INJECTOR), {}).get("webhooks") or ()
    return "podAntiAffinity" in (pod.get("affinity") or {}) or any(
        hook.get("failurePolicy") == "Fail" for hook in hooks
    )


def settings_of(objects: Iterable[Object]) -> Settings:
    """Return the settings that the manifests hold."""
    return convert(yaml.safe_load(_config(objects)["data"][CONFIG_KEY]))


def placed(settings: Settings, namespace: str, prefix: str = "", tag: str = "", trust_domain: str = "") -> Settings:
    """Return the settings of another namespace, of images that are found elsewhere, and of another trust domain."""
    agents, controller = (prefix + name for name in (settings.images.agents, settings.images.controller))
    if tag:
        agents, controller = tagged(agents, tag), tagged(controller, tag)
    addresses = msgspec.structs.replace(
        settings.addresses,
        identity=settings.addresses.identity.replace(f".{NAMESPACE}.", f".{namespace}."),
        control=settings.addresses.control.replace(f".{NAMESPACE}.", f".{namespace}."),
    )
    return msgspec.structs.replace(
        settings,
        trust_domain=trust_domain or settings.trust_domain,
        images=msgspec.structs.replace(settings.images, agents=agents, controller=controller),
        addresses=addresses,
    )


def recalled(settings: Settings, namespace: str, deployment: Object) -> Settings:
    """Return the settings that `adapt` put into a mesh's Deployment, as far as they can be seen there."""
    containers = (((deployment.get("spec") or {}).get("template") or {}).get("spec") or {}).get("containers") or [{}]
    flags = dict(each.partition("=")[::2] for each in containers[0].get("args") or ())
    ours, theirs = parts(settings.images.controller)[0], containers[0].get("image") or settings.images.controller
    prefix = parts(theirs)[0].removesuffix(ours) if parts(theirs)[0].endswith(ours) else ""
    found = placed(settings, namespace, prefix, trust_domain=flags.get("--trust-domain", ""))
    policy = containers[0].get("imagePullPolicy") or settings.images.pull_policy
    images = msgspec.structs.replace(found.images, controller=theirs, pull_policy=policy)
    return msgspec.structs.replace(found, images=images)


def adapt(objects: list[Object], settings: Settings, namespace: str) -> list[Object]:
    """Return the objects with other settings and in another namespace."""
    made = copy.deepcopy(objects)
    _config(made)["data"][CONFIG_KEY] = write(settings)
    for each in made:
        if each["kind"] == "Deployment":
            (container,) = each["spec"]["template"]["spec"]["containers"]
            container["image"] = settings.images.controller
            container["imagePullPolicy"] = settings.images.pull_policy
            container["args"].append(f"--trust-domain={settings.trust_domain}")
        if namespace != NAMESPACE:
            _move(each, namespace)
    return made


def changed(settings: Settings, changes: Iterable[str]) -> Settings:
    """Return settings with `path.to.field=value` changes; raises Fault that names the field."""
    document = yaml.safe_load(write(settings))
    for change in changes:
        path, equals, value = change.partition("=")
        if not equals:
            raise Fault(f"--set {change!r} changes nothing", "write --set proxy.cpuRequest=50m", status=USAGE)
        place = document
        *parents, field = path.split(".")
        for parent in parents:
            place = place.get(parent) if isinstance(place, dict) else None
        if not isinstance(place, dict) or field not in place:
            known = ", ".join(place) if isinstance(place, dict) else ", ".join(document)
            raise Fault(f"--set {path}: there is no such setting", f"there is {known}", status=USAGE)
        place[field] = value if isinstance(place[field], str) else _plain(path, value)
    try:
        return convert(document)
    except SettingsError as error:
        raise Fault(f"these settings cannot be used: {error}", status=USAGE) from None


def _plain(path: str, value: str) -> object:
    """Return a number, or what is true or false, as YAML has it."""
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        raise Fault(f"--set {path}: {value!r} is neither a number nor true or false", status=USAGE) from None


def text(objects: Iterable[Object]) -> str:
    """Return the objects as YAML, as kubectl takes it from a pipe."""
    return "".join(f"---\n{yaml.dump(each, Dumper=_Dumper, sort_keys=False)}" for each in objects)


def named(each: Object) -> tuple[str, str, str, str]:
    """Return what tells an object from all others: group, kind, namespace and name."""
    group = each["apiVersion"].rpartition("/")[0]
    return group, each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]


def _resources(place: Path, but: tuple[str, ...] = ()) -> Iterator[Object]:
    for file in yaml.safe_load((place / "kustomization.yaml").read_text()).get("resources") or ():
        if file not in but:
            yield from filter(None, yaml.safe_load_all((place / file).read_text()))


def _config(objects: Iterable[Object]) -> Object:
    return next(each for each in objects if each["kind"] == "ConfigMap" and each["metadata"]["name"] == CONFIG_MAP)


def _apply(each: Object, operation: Object) -> None:
    """Apply one operation of a JSON patch: add or replace, which is all that our overlays use."""
    *parents, last = operation["path"].lstrip("/").split("/")
    place: Any = each
    for part in (part.replace("~1", "/").replace("~0", "~") for part in parents):
        place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
    key = last.replace("~1", "/").replace("~0", "~")
    if isinstance(place, dict):
        place[key] = copy.deepcopy(operation["value"])
    elif key == "-":
        place.append(copy.deepcopy(operation["value"]))
    elif operation["op"] == "replace":
        place[int(key)] = copy.deepcopy(operation["value"])
    else:
        place.insert(int(key), copy.deepcopy(operation["value"]))


def _move(each: Object, namespace: str) -> None:
    """Put an object, and what it says of others, into another namespace than the usual one."""
    if each["kind"] == "Namespace" and each["metadata"]["name"] == NAMESPACE:
        each["metadata"]["name"] = namespace
    if each["metadata"].get("namespace") == NAMESPACE:
        each["metadata"]["namespace"] = namespace
    for subject in each.get("subjects") or ():
        if subject.get("namespace") == NAMESPACE:
            subject["namespace"] = namespace
    if each["kind"] == "APIService":
        each["spec"]["service"]["namespace"] = namespace
    for hook in each.get("webhooks") or ():
        hook["clientConfig"]["service"]["namespace"] = namespace
        for expression in (hook.get("namespaceSelector") or {}).get("matchExpressions") or ():
            values = expression.get("values") or []
            expression["values"] = [namespace if value == NAMESPACE else value for value in values]
