"""Kinds of resources: their kubectl names, short names and what they are called in a heading."""

from typing import NamedTuple


class Kind(NamedTuple):
    """One kind: canonical singular, plural, and the other words people type for it."""

    name: str
    plural: str
    short: tuple[str, ...]


KINDS: tuple[Kind, ...] = (
    Kind("namespace", "namespaces", ("ns",)),
    Kind("deployment", "deployments", ("deploy", "dp")),
    Kind("pod", "pods", ("po",)),
    Kind("service", "services", ("svc",)),
    Kind("statefulset", "statefulsets", ("sts",)),
    Kind("daemonset", "daemonsets", ("ds",)),
    Kind("job", "jobs", ()),
    Kind("cronjob", "cronjobs", ("cj",)),
    Kind("replicaset", "replicasets", ("rs",)),
    Kind("replicationcontroller", "replicationcontrollers", ("rc",)),
)
WORKLOADS: tuple[str, ...] = (
    "deployment",
    "statefulset",
    "daemonset",
    "job",
    "cronjob",
    "replicaset",
    "replicationcontroller",
)
_BY_WORD = {word: kind for kind in KINDS for word in (kind.name, kind.plural, *kind.short)}
WORDS: tuple[str, ...] = tuple(_BY_WORD)


def parse_kind(word: str) -> Kind | None:
    """Return the kind a word names, in any of its spellings, or None."""
    return _BY_WORD.get(word.lower())
