"""mesh.yaml as typed values: what `up` starts.

`load` returns what has the right form; whether it makes sense is for `rules`. What either raises names the file, the
line, the field and the fix of every fault. The control plane reads routes and opaque ports from the same file.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import msgspec

from agents.launcher import address
from agents.launcher.document import Document, Fault, SpecError, Where, read
from agents.launcher.duration import seconds
from agents.launcher.size import size
from agents.runtime.config import BOUNDS, MOST_WORKERS

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class _Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    """What all parts have in common."""


def _bounds(name: str) -> msgspec.Meta:
    """Return the bounds of a number in the sidecar's configuration."""
    low, high = BOUNDS[name]
    return msgspec.Meta(ge=low, le=high)


class Ready(_Struct, frozen=True):
    """How to tell that an instance can do its work; one of http, grpc, tcp."""

    http: str | None = None  # path
    grpc: str | None = None  # service, "" for the server as a whole
    tcp: bool = False
    port: str | int = ""  # empty: the sole port, else http or grpc
    timeout: str | float = 30.0

    @property
    def timeout_s(self) -> float:
        return seconds(self.timeout)


class Route(_Struct, frozen=True):
    """A name for some of a workload's requests; the control plane hands it to sidecars."""

    name: str
    port: str | int = ""
    method: str = ""
    path: str = ""
    path_prefix: str = ""
    path_regex: str = ""
    timeout: str | float = 0.0


class Limits(_Struct, frozen=True):
    """How much a sidecar takes on; 0: not said here, so the mesh's limit, or the sidecar's own."""

    connections: Annotated[int, _bounds("max_connections")] = 0
    requests: Annotated[int, _bounds("max_requests")] = 0
    streams: Annotated[int, _bounds("max_streams")] = 0
    waiting_bytes: str | int = 0  # a size

    def over(self, general: "Limits") -> "Limits":
        """Return these limits, and where one is not said the general one."""
        return Limits(**{name: getattr(self, name) or getattr(general, name) for name in self.__struct_fields__})

    @property
    def said(self) -> dict[str, int]:
        """What is said, as the sidecar's configuration calls it."""
        numbers = {
            "max_connections": self.connections,
            "max_requests": self.requests,
            "max_streams": self.streams,
            "max_waiting_bytes": size(self.waiting_bytes),
        }
        return {name: number for name, number in numbers.items() if number}


UNSAID = Limits()


class Workload(_Struct, frozen=True):
    """One program, in one or more instances."""

    name: str
    command: str | list[str]
    namespace: str = ""  # empty: the mesh's
    kind: str = "Deployment"
    directory: str = ""
    replicas: Annotated[int, msgspec.Meta(ge=0, le=100)] = 1
    ports: dict[str, Port | str] = {}  # addresses
    env: dict[str, str] = {}
    upstreams: list[str] = []
    ready: Ready | None = None
    service_account: str = ""  # empty: the workload's name
    zone: str | list[str] = ""  # a list: its instances take turns
    proxy: bool = False
    mesh: bool = True
    proxy_workers: Annotated[int, msgspec.Meta(ge=1, le=MOST_WORKERS)] = 1
    limits: Limits = UNSAID
    opaque: list[str | int] = []
    routes: list[Route] = []
    labels: dict[str, str] = {}


class Mesh(_Struct, frozen=True):
    """A whole file."""

    workloads: list[Workload]
    name: str = ""  # empty: the name of the file's folder
    namespace: str = "default"
    trust_domain: str = "local"
    limits: Limits = UNSAID  # of every sidecar whose workload does not say otherwise


# What each field wants, where the type alone would not tell a person.
WANTS: dict[tuple[str, ...], str] = {
    ("name",): "a name in text",
    ("workloads",): "a list of workloads",
    ("workloads", "[]"): "a workload, such as {name: web, command: [python, app.py]}",
    ("workloads", "name"): "a name in text",
    ("workloads", "command"): "a list such as [python, app.py], or one line for the shell",
    ("workloads", "ports"): "names and numbers, such as {http: 8080} or {http: auto}",
    ("workloads", "ports", "*"): "a number from 1 to 65535, auto, an address such as '[::1]:8080', or unix:/path",
    ("workloads", "replicas"): "a number from 0 to 100",
    ("workloads", "env"): "names and values",
    ("workloads", "env", "*"): "one value",
    ("workloads", "labels", "*"): "one value",
    ("workloads", "upstreams"): "a list such as [emoji, voting:grpc]",
    ("workloads", "opaque"): "a list of ports",
    ("workloads", "zone"): "a name, or a list of names that its instances take in turns",
    ("workloads", "ready"): "{http: /path}, {grpc: service} or {tcp: true}",
    ("workloads", "mesh"): "true or false",
    ("workloads", "proxy"): "true or false",
    ("workloads", "proxyWorkers"): f"a number from 1 to {MOST_WORKERS}",
}
for _place in ((), ("workloads",)):
    WANTS[(*_place, "limits")] = "some of {connections: 1000, requests: 500, streams: 100, waitingBytes: 64Mi}"
    WANTS[(*_place, "limits", "waitingBytes")] = "a size, such as 64Mi"
    for _field in ("connections", "requests", "streams"):
        _low, _high = BOUNDS[f"max_{_field}"]
        WANTS[(*_place, "limits", _field)] = f"a number from {_low} to {_high}"
_STRUCTS: dict[tuple[str, ...], type[_Struct]] = {
    (): Mesh,
    ("limits",): Limits,
    ("workloads", "limits"): Limits,
    ("workloads",): Workload,
    ("workloads", "ready"): Ready,
    ("workloads", "routes"): Route,
}
_TEXTS = ("env", "labels")  # mappings whose values are text, however they look
_WORDS = {
    "int": "a number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "names and values",
    "null": "nothing",
}


def parse(document: Document) -> Mesh:
    """Return the mesh that a document describes; raises SpecError. Only form is checked here."""
    faults = [Fault(document.file, line, where, "is given twice", "keep one of them") for where, line in document.twice]
    if not isinstance(document.value, dict):
        raise SpecError(document.fault((), "is not names and values", "it needs a list called workloads"))
    faults.extend(_unknown(document, (), document.value))
    if faults:
        raise SpecError(*sorted(faults, key=lambda fault: fault.line))
    try:
        mesh = msgspec.convert(_as_text(document), Mesh, strict=True)
    except msgspec.ValidationError as error:
        raise SpecError(_explain(document, str(error))) from None
    if faults := list(_addresses(mesh, document)):
        raise SpecError(*faults)
    return mesh


def load(path: Path) -> tuple[Mesh, Document]:
    """Return a mesh whose form is right, and the document for messages about it; raises SpecError."""
    document = read(path)
    return parse(document), document


def general(where: Where) -> tuple[str, ...]:
    """Return a place without its indexes, with `*` for a person's own keys: what tables here are keyed by."""
    names = [step for step in where if isinstance(step, str)]
    if len(names) > 2 and names[1] in ("ports", *_TEXTS):
        names[2:] = ["*"]
    return tuple(names)


def _unknown(document: Document, where: Where, value: Any) -> Iterator[Fault]:
    """Yield every field that nobody knows, at any depth."""
    struct = _STRUCTS.get(general(where))
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from _unknown(document, (*where, i), item)
    elif isinstance(value, dict) and struct is not None:
        known = [field.encode_name for field in msgspec.structs.fields(struct)]
        for name, inner in value.items():
            if name in known:
                yield from _unknown(document, (*where, name), inner)
                continue
            near = get_close_matches(name.lower(), [word.lower() for word in known], 1)
            nearest = next((word for word in known if [word.lower()] == near), "")
            fix = f"did you mean {nearest}?" if nearest else f"known here: {', '.join(known)}"
            yield document.fault((*where, name), "unknown field", fix)


def _addresses(mesh: Mesh, document: Document) -> Iterator[Fault]:
    """Yield the ports that are no addresses."""
    for i, workload in enumerate(mesh.workloads):
        for name, wanted in workload.ports.items():
            try:
                address.parse(wanted)
            except ValueError:
                where: Where = ("workloads", i, "ports", name)
                yield document.fault(where, f"{wanted!r} is not valid", f"give {WANTS[general(where)]}")


def _as_text(document: Document) -> Any:
    """Return the values; words of environment, labels and commands as the file has them: 1.10 is not 1.1 there."""
    workloads = document.value.get("workloads")
    if not isinstance(workloads, list):
        return document.value
    changed = []
    for i, workload in enumerate(workloads):
        if isinstance(workload, dict):
            for field in _TEXTS:
                if isinstance(values := workload.get(field), dict):
                    place: Where = ("workloads", i, field)
                    texts = {name: document.texts.get((*place, name), value) for name, value in values.items()}
                    workload = {**workload, field: texts}  # noqa: PLW2901 - a changed copy
            if isinstance(words := workload.get("command"), list):
                place = ("workloads", i, "command")
                line = [document.texts.get((*place, j), word) for j, word in enumerate(words)]
                workload = {**workload, "command": line}  # noqa: PLW2901 - a changed copy
        changed.append(workload)
    return {**document.value, "workloads": changed}


def _explain(document: Document, message: str) -> Fault:
    """Say msgspec's reason in a person's words."""
    reason, _, tail = message.partition(" - at `$")
    where: Where = tuple(
        int(step[1:-1]) if step[1:-1].isdigit() else step.lstrip(".")
        for step in re.findall(r"\.[^.\[`]+|\[[0-9.]+\]", tail)
    )
    if where and where[-1] == "[...]":
        where = (*where[:-1], _culprit(document, where[:-1]))
    if missing := re.search(r"missing required field `(\w+)`", reason):
        field = missing[1]
        wants = WANTS.get((*general(where), field), "it")
        return document.fault(where, f"{field} is missing", f"give {wants}")
    wants = WANTS.get((*general(where), "[]") if where and isinstance(where[-1], int) else general(where), "")
    expected = re.search(r"Expected `([^`]+)`, got", reason)
    shown = _shown(document.at(where))
    if expected:
        words = dict.fromkeys(_WORDS.get(word, word) for word in expected[1].split(" | "))
        return document.fault(where, f"is {shown}, not {' or '.join(words)}", f"give {wants}" if wants else "")
    return document.fault(where, f"{shown} is not valid", f"give {wants}" if wants else "")


def _culprit(document: Document, where: Where) -> str:
    """Return the key whose value is wrong: msgspec does not say which one of a mapping's values it was."""
    values = document.at(where)
    for name, value in values.items():
        if where[-1] == "ports":
            good = isinstance(value, str) or (type(value) is int and 0 < value < 65536)
        else:
            good = isinstance(value, str | int | float)
        if not good:
            return str(name)
    return "?"


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "names and values"
    if isinstance(value, list):
        return "a list"
    return str(value).lower() if isinstance(value, bool) else repr(value)
