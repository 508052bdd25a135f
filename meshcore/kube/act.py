"""What a request does, as RBAC names it: verb, group, resource, namespace, name; pure.

Reviews ask about acts, `needs` lists those the mesh must be allowed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Act:
    """Something that somebody may or may not do. `namespace` "" is all of them, `name` "" any."""

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""
    sub: str = ""

    @property
    def full(self) -> str:
        """Return the resource as roles spell it, with its subresource."""
        return f"{self.resource}/{self.sub}" if self.sub else self.resource

    def __str__(self) -> str:
        what = f"{self.verb} {self.full}{self.group and '.' + self.group}{self.name and ' ' + self.name}"
        return f"{what} in {self.namespace}" if self.namespace else what


def act_of(method: str, path: str, query: Mapping[str, str]) -> Act | None:
    """Return what a request does to a resource; None for a path that names none, such as /version."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if parts[0] == "api" and len(parts) > 2:
        group, rest = "", parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, rest = parts[1], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    name = rest[1] if len(rest) > 1 else ""
    verb = _VERBS.get(method) or ("watch" if query.get("watch") in ("1", "true") else "get" if name else "list")
    if verb == "delete" and not name:
        verb = "deletecollection"
    if not name:  # a field selector limits a list or a watch to one name, which RBAC honours
        _before, _sign, selected = query.get("fieldSelector", "").partition("metadata.name=")
        name = selected.split(",")[0]
    return Act(verb, group, rest[0], namespace, name, "/".join(rest[2:]))
