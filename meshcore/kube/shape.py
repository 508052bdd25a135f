"""What a kubeconfig's fields must be, as kubectl has them (client.config, v1); pure.

The library that reads the files trusts them, and kubectl does not. kubeconfig.py asks here first, so that a field of
another type, or a name that is there twice, is told with its line. Fields that are unknown may be anything.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from meshcore.kube.failure import KUBECONFIG, KubeError

Text = str | None
_STEP = re.compile(r"\.([A-Za-z0-9-]+)|\[(\d+|\.\.\.)\]")


class _Fields(msgspec.Struct, rename=lambda name: name.replace("_", "-").removesuffix("-")):
    """Fields of a kubeconfig, which spells most of them with hyphens."""


class _Variable(_Fields):
    name: str
    value: str


class _Exec(_Fields):
    command: Text = None
    args: list[str] | None = None
    env: list[_Variable] | None = None
    apiVersion: Text = None  # noqa: N815 - their spelling
    installHint: Text = None  # noqa: N815
    interactiveMode: Text = None  # noqa: N815
    provideClusterInfo: bool | None = None  # noqa: N815


class _Provider(_Fields):
    name: Text = None
    config: dict[str, str] | None = None


class _User(_Fields):
    client_certificate: Text = None
    client_certificate_data: Text = None
    client_key: Text = None
    client_key_data: Text = None
    token: Text = None
    tokenFile: Text = None  # noqa: N815
    username: Text = None
    password: Text = None
    as_: Text = None
    as_uid: Text = None
    as_groups: list[str] | None = None
    as_user_extra: dict[str, list[str] | None] | None = None
    auth_provider: _Provider | None = None
    exec: _Exec | None = None


class _Extension(_Fields):
    name: Text = None
    extension: Any = None


class _Cluster(_Fields):
    server: Text = None
    tls_server_name: Text = None
    insecure_skip_tls_verify: bool | None = None
    certificate_authority: Text = None
    certificate_authority_data: Text = None
    proxy_url: Text = None
    extensions: list[_Extension] | None = None


class _Context(_Fields):
    cluster: Text = None
    user: Text = None
    namespace: Text = None


class _NamedUser(_Fields):
    name: str
    user: _User | None = None


class _NamedCluster(_Fields):
    name: str
    cluster: _Cluster | None = None


class _NamedContext(_Fields):
    name: str
    context: _Context | None = None


class _Config(_Fields):
    current_context: Text = None
    clusters: list[_NamedCluster] | None = None
    contexts: list[_NamedContext] | None = None
    users: list[_NamedUser] | None = None


def read(text: str, path: Path) -> object:
    """Return what a file's text says as YAML, None if that is nothing; raises KubeError unless it is a kubeconfig."""
    try:
        said = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:  # never its own words: they quote the line, which may hold a token
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        raise _refused(path, f"line {line}: {error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError) as error:  # a sign that YAML does not have, a date that no calendar has
        raise _refused(path, " ".join(str(error).split())) from None
    if said is not None:
        _check(said, text, path)
    return said


def _check(said: object, text: str, path: Path) -> None:
    """Raise KubeError, with the line, unless the fields are those of a kubeconfig."""
    try:
        config = msgspec.convert(said, _Config)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        raise _wrong(path, text, where.rstrip("`"), what.replace("`", "")) from None
    for section in ("clusters", "contexts", "users"):
        names: set[str] = set()
        for at, each in enumerate(getattr(config, section) or ()):
            if each.name in names:
                raise _wrong(path, text, f".{section}[{at}].name", f"{each.name!r} is there twice")
            names.add(each.name)


def _wrong(path: Path, text: str, where: str, what: str) -> KubeError:
    steps = [name or int(index) for name, index in _STEP.findall(where) if index != "..."]
    field = where.removeprefix(".") or "the file"
    return _refused(path, f"line {_line(text, steps)}, {field}: {what[:1].lower()}{what[1:]}")


def _refused(path: Path, why: str) -> KubeError:
    return KubeError(
        f"{path} is no kubeconfig: {why}", f"see `kubectl config view --kubeconfig={path}`", code=KUBECONFIG
    )


def _line(text: str, steps: list[str | int]) -> int:
    """Return the line of what these steps lead to, or of the last of them that is there."""
    line = 1
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for step in steps:
        found = next((pair for pair in _inside(node) if pair[0] == step), None)
        if found is None:
            break
        _, line, node = found
    return line


def _inside(node: yaml.Node | None) -> Iterator[tuple[str | int, int, yaml.Node]]:
    """Yield what a node holds: by which name or number, in which line, and what."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key.value, key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode):
        for at, value in enumerate(node.value):
            yield at, value.start_mark.line + 1, value
