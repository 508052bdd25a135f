"""The grammar of resources on a command line, as kubectl and `linkerd viz` read it. Pure.

TYPE, TYPE NAME…, TYPE/NAME…, TYPE1/NAME1 TYPE2/NAME2, TYPE,TYPE, and `all`.
"""

from collections.abc import Iterable, Sequence

from meshcore.wire.common_pb2 import Resource
from meshcore.wire.kinds import KINDS, WORDS, Kind, parse_kind
from meshtui.cli.fault import USAGE, Fault, unknown

ALL = (
    "deployment",
    "statefulset",
    "daemonset",
    "job",
    "cronjob",
    "replicaset",
    "replicationcontroller",
    "pod",
    "service",
)


def parse_resources(words: Sequence[str]) -> list[Resource]:
    """Return the resources that words name, in no namespace yet; raises Fault for words that name none."""
    if not words:
        raise Fault("which resource?", "for example `deploy`, `deploy/web` or `po`", status=USAGE)
    if "all" in words:
        if len(words) > 1:
            rest = " ".join(word for word in words if word != "all") or "the second one"
            raise Fault("`all` stands alone", f"leave out {rest}", status=USAGE)
        return [Resource(kind=kind) for kind in ALL]
    if any("/" in word for word in words):
        found = [_pair(word) for word in words]
    else:
        kinds = [_kind(word) for word in words[0].split(",")]
        names = words[1:]
        if len(kinds) > 1 and names:
            raise Fault(f"several types and names at once: {' '.join(words)}", "write TYPE/NAME for each", status=USAGE)
        found = [Resource(kind=kind.name, name=name) for kind in kinds for name in (names or [""])]
    seen = set()
    for resource in found:
        key = (resource.kind, resource.name)
        if key in seen:
            raise Fault(f"{'/'.join(filter(None, key))} is named twice", "name it once", status=USAGE)
        seen.add(key)
    return found


def parse_tapped(words: Sequence[str], namespace: str) -> list[Resource]:
    """Return the resources that words name for a tap in `namespace` (empty: all); `all` is all that runs there."""
    if list(words) == ["all"]:
        return [Resource(kind="namespace", name=namespace)]
    return within(parse_resources(words), namespace)


def parse_resource(word: str, namespace: str, flag: str) -> Resource:
    """Return the one resource of a flag such as `--to`; raises Fault that names the flag."""
    try:
        found = _pair(word) if "/" in word else Resource(kind=_kind(word).name)
    except Fault as fault:
        raise Fault(f"{flag}: {fault.args[0]}", fault.hint, status=USAGE) from None
    return within([found], namespace)[0]


def within(resources: Iterable[Resource], namespace: str) -> list[Resource]:
    """Return the resources in `namespace` (empty: all); namespaces themselves lie in none."""
    return [
        Resource(kind=each.kind, name=each.name, namespace="" if each.kind == "namespace" else namespace)
        for each in resources
    ]


def spell(resource: Resource) -> str:
    """Return a resource as people write it: deployment/web."""
    return f"{resource.kind}/{resource.name}" if resource.name else str(resource.kind)


def _pair(word: str) -> Resource:
    kind, slash, name = word.partition("/")
    if not slash or not name or "/" in name:
        raise Fault(f"{word!r} is not TYPE/NAME", "for example deploy/web", status=USAGE)
    return Resource(kind=_kind(kind).name, name=name)


def _kind(word: str) -> Kind:
    kind = parse_kind(word)
    if kind is None:
        raise unknown(
            "resource type", word, WORDS, usual=[*(each.short[0] for each in KINDS if each.short), "job", "all"]
        )
    return kind
