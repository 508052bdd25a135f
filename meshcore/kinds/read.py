"""An object of one of our kinds, from its decoded JSON or YAML; or all that is wrong with it. Pure.

Asked by the validating webhook, by the policy that follows a cluster, and by `meshtui check FILE` (text.py).
"""

import re
from typing import Any, NamedTuple

from meshcore.kinds.decode import decode, listed, named, short
from meshcore.kinds.fault import Fault
from meshcore.kinds.shape import SUBDOMAIN, Struct, Tolerant
from meshcore.kinds.table import GROUP, KINDS, VERSION, KindRow

_PARTS = ("apiVersion", "kind", "metadata", "spec", "status")


class Resource(NamedTuple):
    """An object that can be used."""

    kind: str
    namespace: str
    name: str
    created: str  # as the API server says it; empty in a file
    spec: Struct | Tolerant


class Reading(NamedTuple):
    """What came of an object: itself, or its faults; neither: it is of a kind that is not read here."""

    resource: Resource | None = None
    faults: tuple[Fault, ...] = ()

    @property
    def concerns(self) -> bool:
        return self.resource is not None or bool(self.faults)


def read(value: Any) -> Reading:
    """Read an object."""
    if not isinstance(value, dict):
        return Reading(
            faults=(Fault((), f"is no object of Kubernetes but {named(value)}", "give apiVersion and kind"),)
        )
    version, kind = value.get("apiVersion"), value.get("kind")
    faults: list[Fault] = []
    for name, given in (("apiVersion", version), ("kind", kind)):
        if not isinstance(given, str) or not given:
            said = "is missing" if given is None else f"must be text, and is {named(given)}"
            faults.append(Fault((name,), said, f"give it, for example {GROUP}/{VERSION} and ServiceProfile"))
    if faults:
        return Reading(faults=tuple(faults))
    row, fault = _row(str(version), str(kind))
    if fault is not None:
        return Reading(faults=(fault,))
    return Reading() if row is None else _read(value, row)


def _row(version: str, kind: str) -> tuple[KindRow | None, Fault | None]:
    """Return what is known of a kind; nothing of kinds that are not ours."""
    group, _, number = version.rpartition("/")
    rows = [each for each in KINDS if each.group == group]
    row = next((each for each in rows if each.kind == kind), None)
    if row is None:
        if group != GROUP:
            return None, None
        near = next((each.kind for each in rows if each.kind.lower() == kind.lower().rstrip("s")), "")
        fix = f"did you mean {near}?" if near else f"write one of {listed(each.kind for each in rows)}"
        return None, Fault(("kind",), f"{kind!r} is no kind of {GROUP}", fix)
    if number not in row.versions:
        fix = f"write {group}/{row.versions[0]}"
        return None, Fault(("apiVersion",), f"{kind} has no version {number!r} that is known here", fix)
    return row, None


def _read(value: dict[Any, Any], row: KindRow) -> Reading:
    metadata = value.get("metadata")
    faults = _metadata_faults(metadata)
    if row.group == GROUP:
        faults += [
            Fault((str(key),), "is no field that is known here", "what a policy says belongs into spec")
            for key in value
            if key not in _PARTS
        ]
    spec: Struct | Tolerant | None = None
    if "spec" not in value:
        faults.append(Fault(("spec",), "is missing", "give it"))
    else:
        found: tuple[Struct | Tolerant | None, list[Fault]] = decode(value["spec"], row.spec, ("spec",))
        spec = found[0]
        faults += found[1]
    if faults or spec is None or not isinstance(metadata, dict):
        return Reading(faults=tuple(faults))
    return Reading(
        Resource(
            row.kind,
            metadata.get("namespace") or "",
            metadata.get("name") or "",
            str(metadata.get("creationTimestamp") or ""),
            spec,
        )
    )


def _metadata_faults(metadata: Any) -> list[Fault]:
    if not isinstance(metadata, dict):
        said = "is missing" if metadata is None else f"must be an object, and is {named(metadata)}"
        return [Fault(("metadata",), said, "give it a name")]
    found = []
    name = metadata.get("name")
    if name is None and not metadata.get("generateName"):
        found.append(Fault(("metadata", "name"), "is missing", "give it"))
    for key, pattern in (("name", SUBDOMAIN), ("namespace", SUBDOMAIN)):
        given = metadata.get(key)
        if given is not None and not (isinstance(given, str) and re.fullmatch(pattern, given) and len(given) <= 253):
            fix = "use lower-case letters, digits, '-' and '.'"
            found.append(Fault(("metadata", key), f"{short(given)} is no name of an object", fix))
    return found
