"""Documents of Kubernetes objects with a sidecar put in or taken out, as text: comments, order and quotes stay.

`meshtui inject` and `uninject` give the text of a file and what to do with each pod template, and get the new text and
a report. A document in which nothing changes comes back byte for byte. Knows no file and no cluster.
"""

import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from meshcore.inject.decide import wants
from meshtui.cli.documents import cut
from meshtui.cli.shape import ShapeError, check, unshare

KINDS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob", "Pod")
GROUPS = ("v1", "apps/", "batch/")
_DIRECTIVE = re.compile(r"^%", re.MULTILINE)
_INDENTED = re.compile(r"^( *)[^\s#-][^\n]*:[ \t]*\n\1  - ", re.MULTILINE)
_WIDE = 1 << 20  # lines are not folded


class UnreadableError(Exception):
    """Text that is no YAML; `line` counts from one."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class Report(NamedTuple):
    """What became of one object."""

    kind: str
    name: str
    outcome: str  # one line
    changed: bool

    def __str__(self) -> str:
        return f"{self.kind.lower()}/{self.name}: {self.outcome}"


class Target(NamedTuple):
    """One object and the pod, or the pod template, in it."""

    kind: str
    name: str
    pod: Any
    namespace: str = ""  # as the object says; "": whatever it is applied to
    whole: Any = None  # the object


Act = Callable[[Target], tuple[bool, str]]  # whether it changed the pod in place, and what to say of it


def rewrite(text: str, act: Act) -> tuple[str, list[Report]]:
    """Return the text after `act` has had every pod in it, and what it said; raises UnreadableError."""
    written: list[str] = []
    reports: list[Report] = []
    before = ""
    for part in cut(text):
        if part.document and _DIRECTIVE.search(before) and not part.text.startswith("---"):
            raise UnreadableError("a directive (%) stands before it, and no line of --- between", part.line + 1)
        before = "" if part.document else part.text
        new, found = _document(part.text, part.line, act) if part.document else (part.text, [])
        written.append(new)
        reports += found
    return "".join(written), reports


def targets(document: Any) -> Iterator[Target]:
    """Yield the objects in a document that have pods, those of a List one by one."""
    if not isinstance(document, Mapping):
        return
    kind = document.get("kind")
    if isinstance(kind, str) and kind.endswith("List") and isinstance(document.get("items"), list):
        for item in document["items"]:
            yield from targets(item)
        return
    if kind not in KINDS or not str(document.get("apiVersion", "")).startswith(GROUPS):
        return
    pod: Any = document
    for step in way(kind):
        pod = pod.get(step) if isinstance(pod, Mapping) else None
    if isinstance(pod, Mapping) and isinstance(pod.get("spec"), Mapping):
        meta = document.get("metadata")
        meta = meta if isinstance(meta, Mapping) else {}
        name = str(meta.get("name") or meta.get("generateName") or "")
        yield Target(kind, name, pod, str(meta.get("namespace") or ""), document)


def way(kind: str) -> tuple[str, ...]:
    """Return where an object of a kind has its pod."""
    return {"Pod": (), "CronJob": ("spec", "jobTemplate", "spec", "template")}.get(kind, ("spec", "template"))


def spaces(texts: Iterable[str]) -> tuple[set[str], dict[str, dict[str, str]]]:
    """Return the namespaces that pods in these texts are of, and what those want that are in them, too."""
    import yaml

    used: set[str] = set()
    given: dict[str, dict[str, str]] = {}
    for text in texts:
        for part in cut(text):
            if not part.document:
                continue
            try:
                documents = list(yaml.load_all(part.text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
            except (yaml.YAMLError, RecursionError):
                continue  # `rewrite` says where
            for document in documents:
                used |= {target.namespace for target in targets(document)}
                given |= _namespaces(document)
    return used - given.keys(), given


def _namespaces(document: Any) -> dict[str, dict[str, str]]:
    if not isinstance(document, Mapping):
        return {}
    if isinstance(document.get("items"), list):
        return {name: notes for item in document["items"] for name, notes in _namespaces(item).items()}
    meta = document.get("metadata")
    if (document.get("kind"), document.get("apiVersion")) != ("Namespace", "v1") or not isinstance(meta, Mapping):
        return {}
    notes = {
        part: {key: value for key, value in found.items() if isinstance(key, str) and isinstance(value, str)}
        for part in ("annotations", "labels")
        if isinstance(found := meta.get(part), Mapping)
    }
    return {str(meta.get("name")): wants({"metadata": notes})}


def _document(part: str, line: int, act: Act) -> tuple[str, list[Report]]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError
    from ruamel.yaml.reader import ReaderError

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = _WIDE
    yaml.brace_single_entry_mapping_in_flow_sequence = True
    if _INDENTED.search(part):
        yaml.indent(mapping=2, sequence=4, offset=2)
    try:
        document = yaml.load(part.replace("\r\n", "\n"))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise UnreadableError(str(error.problem or error.context), line + (mark.line if mark else 0) + 1) from None
    except ReaderError as error:
        before = part.replace("\r\n", "\n")[: error.position]
        raise UnreadableError(f"{error.reason}: #x{error.character:04x}", line + before.count("\n") + 1) from None
    except YAMLError as error:
        raise UnreadableError(" ".join(str(error).split()), line + 1) from None
    except RecursionError:
        raise UnreadableError("this document is nested too deep", line + 1) from None
    reports = []
    try:
        for target in targets(document):
            check(target.pod, (target.kind, *way(target.kind)))
    except ShapeError as error:
        raise UnreadableError(str(error), line + error.line + 1) from None
    unshare(document, [(target.whole, way(target.kind)) for target in targets(document)])
    for target in targets(document):
        changed, outcome = act(target)
        reports.append(Report(target.kind, target.name, outcome, changed))
    if not any(report.changed for report in reports):
        return part, reports
    for target in targets(document):
        _settle(target.pod)
    yaml.explicit_start = part.startswith("---")
    written = io.StringIO()
    yaml.dump(document, written)
    return _ended(written.getvalue(), part), reports


def _settle(pod: Any) -> None:
    """Have what `act` left with nothing in it written behind its key: ruamel puts it below the comment there."""
    for parent in (pod, pod.get("metadata") or {}, pod["spec"], *(pod["spec"].get("containers") or ())):
        for key, value in parent.items():
            if value or not hasattr(value, "fa") or value.fa.flow_style():
                continue
            value.fa.set_flow_style()
            comments = parent.ca.items.get(key)
            if comments:
                comments[3:] = [None]  # those between the key and the first entry


def _ended(text: str, before: str) -> str:
    """Return text with the line endings that it had before, the last one among them."""
    text = text.removesuffix("\n") + "\n" * before.endswith("\n")
    return text.replace("\n", "\r\n") if before.partition("\n")[0].endswith("\r") else text
