"""What a `:` command or an entry of the palette does: it becomes a view and a scope, or a word of refusal.

The app hands typed lines in and opens what comes out; completion knows views, kinds and namespaces.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from textual.command import DiscoveryHit, Hit, Hits, Provider

from meshtui import registry
from meshtui.model.command import complete as complete_words
from meshtui.model.command import nearest, parse
from meshtui.model.scope import Scope
from meshtui.screens.meshed import MeshedView
from meshtui.screens.stat import StatView
from meshtui.screens.view import View

Names: TypeAlias = Mapping[str, Iterable[str]]
QUIT = ("q", "quit", "q!", "exit")
# What k9s has a view for and is elsewhere here.
ELSEWHERE = dict.fromkeys(
    ("ctx", "context", "contexts"), "a context is chosen on the command line: meshtui --context NAME"
)


class Step(NamedTuple):
    """What the app shall do: open a view, leave, or say why not."""

    view: str = ""
    scope: Scope = Scope()
    quit: bool = False
    refusal: str = ""


def interpret(text: str, namespace: str, namespaces: Sequence[str]) -> Step:
    """Return what a typed line means, where `namespace` is the one of the current view."""
    command = parse(text, namespaces)
    if command is None:
        return Step()
    if command.word in QUIT:
        return Step(quit=True)
    if command.flag:
        return Step(refusal=f"{command.flag} is for the command line: here / narrows what is shown")
    found = registry.find(command.word)
    if found is None and command.word in ELSEWHERE:
        return Step(refusal=ELSEWHERE[command.word])
    if found is None:
        near = nearest(command.word, registry.words())
        return Step(refusal=f"no view or kind {command.word!r}" + (f": did you mean {near}?" if near else ""))
    row, kind = found
    where = namespace if command.namespace is None else command.namespace
    if row.name != "stat":
        return Step(row.name, Scope(command.kind or kind, where, command.name, filter=command.filter))
    if kind == "namespace":
        chosen = command.namespace or command.name
        return Step("stat", Scope("deployment", chosen) if chosen else Scope("namespace", filter=command.filter))
    near = nearest(command.name, namespaces) if command.name and not command.kind else ""
    if near:
        return Step(refusal=f"no namespace {command.name!r}: did you mean {near}?")
    wanted = f"^{command.name}$" if command.name else command.filter
    return Step("stat", Scope(command.kind or kind, where, filter=wanted))


def complete(text: str, namespaces: Sequence[str], names: Names = MappingProxyType({})) -> list[str]:
    """Return lines that go on from what is typed; `names` are those that are known, by kind."""
    found = registry.find(text.partition(" ")[0].lower())
    subject = found[1] if found is not None and found[0].name != "meshed" else ""
    return complete_words(text, registry.words(), namespaces, names, subject)


def known(views: Iterable[View], namespace: str) -> Names:
    """Return the names in a namespace (empty: all) that views have rows of, by kind."""
    found: dict[str, set[str]] = defaultdict(set)
    for view in views:
        if isinstance(view, StatView):
            for row in view.table.rows:
                if namespace in ("", row.resource.namespace):
                    found[row.resource.kind].add(row.resource.name)
        elif isinstance(view, MeshedView):
            for pod in view.table.rows:
                if namespace in ("", pod.status.namespace):
                    found["pod"].add(pod.status.pod)
    return found


class Views(Provider):
    """The views, for Textual's command palette."""

    async def discover(self) -> Hits:
        for words, help_text in registry.index():
            yield DiscoveryHit(words, self._opener(words), help=help_text)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for words, help_text in registry.index():
            score = matcher.match(f"{words} {help_text}")
            if score > 0:
                yield Hit(score, matcher.highlight(words), self._opener(words), help=help_text)

    def _opener(self, words: str) -> "_Run":
        return _Run(self.app, words.split(maxsplit=1)[0])


class _Run:
    """Runs one command in the app, as if typed."""

    def __init__(self, app: object, line: str) -> None:
        self._app, self._line = app, line

    async def __call__(self) -> None:
        run = getattr(self._app, "run_command", None)
        if run is not None:
            await run(self._line)
