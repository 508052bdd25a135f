"""What `:` understands: `word [kind[/name]] [namespace] [/filter]`, in any order after the word (k9s's grammar).

`commands` acts on it and completes it; here are only its parts. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType

from meshcore.wire.kinds import KINDS, Kind, parse_kind


@dataclass(frozen=True, slots=True)
class Command:
    """A typed line in its parts; `kind` and `name` are of what it is about."""

    word: str
    kind: str = ""
    name: str = ""
    namespace: str | None = None  # None: not said; empty: all
    filter: str = ""
    flag: str = ""  # the first that is none of ours: no name begins so


def parse(text: str, namespaces: Iterable[str]) -> Command | None:
    """Return the command in a line; None for an empty one.

    An argument is a namespace if it is one of `namespaces` (or `all`), a resource if it reads `kind/name`, or a
    kind with a name after it; anything else is taken for a name.
    """
    head, found, pattern = text.strip().partition(" /")
    words = head.split()
    if not words:
        return None
    known = set(namespaces)
    kind = name = flag = ""
    namespace: str | None = None
    word, *rest = words
    if "/" in word and parse_kind(word.partition("/")[0]):  # deploy/web
        word, _, name = word.partition("/")
    while rest:
        part = rest.pop(0)
        prefix, slash, suffix = part.partition("/")
        if part in ("-A", "all"):
            namespace = ""
        elif part in ("-n", "--namespace") and rest:
            namespace = rest.pop(0)
        elif part.startswith("-"):
            flag = flag or part
        elif slash and parse_kind(prefix):
            kind, name = _canonical(prefix), suffix
        elif part in known:
            namespace = part
        elif parse_kind(part) and not kind:
            kind = _canonical(part)
        else:
            name = part
    return Command(word.lower(), kind, name, namespace, pattern.strip() if found else "", flag)


def complete(
    text: str,
    words: Sequence[str],
    namespaces: Sequence[str],
    names: Mapping[str, Iterable[str]] = MappingProxyType({}),
    subject: str = "",
) -> list[str]:
    """Return whole lines that go on from `text`: commands first, then kinds and names, then namespaces.

    `names` are known by kind; `subject` is the kind that the command is about where it may say another.
    """
    head, space, last = text.rpartition(" ")
    prefix, slash, part = last.partition("/")
    if slash and (kind := parse_kind(prefix)):
        return [f"{head}{space}{prefix}/{name}" for name in _begin(names.get(kind.name, ()), part)][:12]
    if not space:
        fits = [word for word in words if word.startswith(text.lower())]
        loose = [word for word in words if text.lower() in word and word not in fits] if text else []
        return [*fits, *loose][:12]
    *_, before = head.split() or [""]
    kind = parse_kind(before)
    found = []
    if "/" not in before:
        found += [word for each in KINDS if (word := _spelling(each, last))] if subject and not kind else []
        found += _begin(names.get(kind.name if kind else subject, ()), last)
    found += [name for name in [*namespaces, "all"] if name.startswith(last)]
    return [f"{head} {name}" for name in dict.fromkeys(found)][:12]


def _spelling(kind: Kind, begun: str) -> str:
    """Return the spelling of a kind that goes on from what is typed; empty if none does."""
    return next((word for word in (kind.plural, kind.name, *kind.short) if word.startswith(begun.lower())), "")


def _begin(names: Iterable[str], begun: str) -> list[str]:
    return sorted(name for name in names if name.startswith(begun))


def nearest(word: str, words: Sequence[str]) -> str:
    """Return the word somebody likely meant; empty if none is near."""
    found = get_close_matches(word, words, 1)
    return found[0] if found else ""


def _canonical(word: str) -> str:
    kind = parse_kind(word)
    return kind.name if kind else word
