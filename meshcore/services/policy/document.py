"""What a mesh.yaml says about traffic: the services it declares, their opaque ports and their routes.

Only that is read here; the launcher judges the whole file before it starts anything. Pure: text in, description out,
or one line that names the file, the line, the field and the fix.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from meshcore.wire.duration import LONGEST_MS
from meshcore.wire.ids import is_label
from meshcore.wire.kinds import parse_kind

MAX_BYTES = 1 << 20
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|)")
_UNIT_MS = {"": 1000, "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
_PATHS = ("path", "pathPrefix", "pathRegex")


class DocumentError(Exception):
    """A description that cannot be used; `str()` is one line."""


@dataclass(frozen=True, slots=True)
class RouteRule:
    """One named route; what is empty does not narrow it."""

    name: str
    port: str = ""  # name or number; empty: every port
    method: str = ""
    path: str = ""
    path_prefix: str = ""
    path_regex: str = ""
    timeout_ms: int = 0


@dataclass(frozen=True, slots=True)
class Service:
    """One workload, which is a service of the same name."""

    namespace: str
    kind: str
    name: str
    ports: tuple[tuple[str, int], ...] = ()  # name, number; 0: each instance has its own
    opaque: frozenset[str] = frozenset()  # names and numbers
    routes: tuple[RouteRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Description:
    """Every service of a file, in its order."""

    services: tuple[Service, ...] = ()
    namespace: str = ""  # where workloads are that do not say

    def find(self, namespace: str, name: str) -> Service | None:
        return next((one for one in self.services if (one.namespace, one.name) == (namespace, name)), None)


def parse(text: str, file: str) -> Description:
    """Return what a file describes; raises DocumentError."""
    if len(text) > MAX_BYTES:
        raise DocumentError(f"{file}: has more than {MAX_BYTES} characters; split the mesh")
    try:
        top = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise DocumentError(f"{file}:{line}: is not YAML: {error.problem}; correct it") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise DocumentError(f"{file}: is not YAML: {str(error).splitlines()[0]}; correct it") from None
    reader = _Reader(file)
    if top is None:
        raise DocumentError(f"{file}: is empty; give it `workloads:`")
    namespace = reader.text(top, "namespace") or "default"
    services: dict[tuple[str, str], Service] = {}
    for node in reader.items(top, "workloads"):
        service = reader.service(node, namespace)
        services[service.namespace, service.name] = service
    return Description(tuple(services.values()), namespace)


@dataclass(frozen=True, slots=True)
class _Reader:
    file: str

    def service(self, node: Node, namespace: str) -> Service:
        name = self.text(node, "name")
        own = self.text(node, "namespace") or namespace
        for label in (name, own):
            if not is_label(label):
                raise self.fault(node, f"{label!r} is not a name; use lower-case letters, digits and '-'")
        kind = parse_kind(self.text(node, "kind") or "deployment")
        return Service(
            namespace=own,
            kind=kind.name if kind else self.text(node, "kind").lower(),
            name=name,
            ports=tuple(self._ports(node)),
            opaque=frozenset(self._scalar(item) for item in self.items(node, "opaque")),
            routes=tuple(self._route(item) for item in self.items(node, "routes")),
        )

    def _ports(self, node: Node) -> Iterator[tuple[str, int]]:
        ports = self._get(node, "ports")
        if ports is None:
            return
        for key, value in self._pairs(ports):
            number = self._scalar(value)
            last = "auto" if number.startswith("unix:") else number.rpartition(":")[2]  # of an address such as [::1]:80
            if last != "auto" and not (last.isdecimal() and 0 < int(last) < 65536):
                raise self.fault(
                    value,
                    f"ports.{key}: {number!r} is not a port; write 1 to 65535, auto, '[::1]:8080' or unix:/path",
                )
            yield key, 0 if last == "auto" else int(last)

    def _route(self, node: Node) -> RouteRule:
        name = self.text(node, "name")
        if not name:
            raise self.fault(node, "routes: a route without a name; give it one")
        paths = {key: self.text(node, key) for key in _PATHS}
        if sum(map(bool, paths.values())) > 1:
            raise self.fault(node, f"route {name}: has more than one path; keep one of {', '.join(_PATHS)}")
        try:
            re.compile(paths["pathRegex"].encode())
        except re.error as error:
            raise self.fault(node, f"route {name}: pathRegex is no regular expression: {error}; correct it") from None
        for key in ("path", "pathPrefix"):
            if paths[key] and not paths[key].startswith("/"):
                raise self.fault(node, f"route {name}: {key} {paths[key]!r} is no path; begin it with /")
        return RouteRule(
            name=name,
            port=self.text(node, "port"),
            method=self.text(node, "method").upper(),
            path=paths["path"],
            path_prefix=paths["pathPrefix"],
            path_regex=paths["pathRegex"],
            timeout_ms=self._duration(node, name),
        )

    def _duration(self, node: Node, name: str) -> int:
        text = self.text(node, "timeout")
        if not text:
            return 0
        match = _DURATION.fullmatch(text)
        if match is None:
            raise self.fault(node, f"route {name}: timeout {text!r} is no duration; write 30s, 500ms or 2m")
        found = float(match[1]) * _UNIT_MS[match[2]]
        if found > LONGEST_MS:
            longest = f"{LONGEST_MS // _UNIT_MS['h']}h"
            raise self.fault(node, f"route {name}: timeout {text[:40]!r} is too long; write {longest} at most")
        return int(found)

    def text(self, node: Node, key: str) -> str:
        found = self._get(node, key)
        return "" if found is None else self._scalar(found)

    def items(self, node: Node, key: str) -> list[Node]:
        found = self._get(node, key)
        if found is None:
            return []
        if not isinstance(found, SequenceNode):
            raise self.fault(found, f"{key} must be a list; begin each item with -")
        return list(found.value)

    def _get(self, node: Node, key: str) -> Node | None:
        for name, value in self._pairs(node):
            if name == key:
                empty = isinstance(value, ScalarNode) and value.tag.endswith(":null")
                return None if empty else value
        return None

    def _pairs(self, node: Node) -> Iterator[tuple[str, Node]]:
        if not isinstance(node, MappingNode):
            raise self.fault(node, "must be a mapping; write KEY: VALUE")
        for key, value in node.value:
            yield self._scalar(key), value

    def _scalar(self, node: Node) -> str:
        if not isinstance(node, ScalarNode):
            raise self.fault(node, "must be a plain value; give one name or number")
        return str(node.value)

    def fault(self, node: Node, problem: str) -> DocumentError:
        return DocumentError(f"{self.file}:{node.start_mark.line + 1}: {problem}")
