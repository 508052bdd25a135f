"""One row per view: its name, the words people type for it, and how it is made.

The app opens views by name, commands complete their aliases, help lists them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from meshcore.wire.kinds import KINDS, parse_kind
from meshtui.model.scope import Scope
from meshtui.screens.check import CheckView
from meshtui.screens.describe import DescribeView
from meshtui.screens.edges import EdgesView
from meshtui.screens.graph import GraphView
from meshtui.screens.help import HelpView
from meshtui.screens.inspect import InspectView
from meshtui.screens.logs import LogsView
from meshtui.screens.meshed import MeshedView
from meshtui.screens.overview import OverviewView
from meshtui.screens.scene import Scene
from meshtui.screens.start import StartView
from meshtui.screens.stat import StatView
from meshtui.screens.tap import TapView
from meshtui.screens.text import TextView
from meshtui.screens.top import RoutesView, TopView
from meshtui.screens.view import View


class ViewRow(NamedTuple):
    """A view that can be opened."""

    name: str
    aliases: tuple[str, ...]
    help: str
    make: Callable[..., View]
    kind: str = ""  # what the scope is of, where the command does not say
    command: bool = True  # can be typed; others are opened by keys only


VIEWS: tuple[ViewRow, ...] = (
    ViewRow("overview", ("ov", "home"), "table, plots and requests at once", OverviewView, "deployment"),
    ViewRow("stat", (), "golden metrics of a kind", StatView, "deployment"),
    ViewRow("top", (), "the busiest requests", TopView, "deployment"),
    ViewRow("routes", ("route",), "the same by route", RoutesView, "deployment"),
    ViewRow("tap", (), "requests as they happen", TapView, "deployment"),
    ViewRow("edges", ("edge",), "who talks to whom", EdgesView, "deployment"),
    ViewRow("graph", ("map", "topology"), "who calls whom, drawn", GraphView, "deployment"),
    ViewRow("meshed", ("proxies", "ep", "mesh", "endpoints"), "pods, sidecars, endpoints", MeshedView),
    ViewRow("check", (), "what is right and what is wrong", CheckView),
    ViewRow("logs", ("log",), "the log of a workload", LogsView, "deployment"),
    ViewRow("help", ("h",), "keys and commands", HelpView),
    ViewRow("text", (), "a text", TextView, command=False),
    ViewRow("describe", (), "a workload with its pods", DescribeView, command=False),
    ViewRow("inspect", (), "one request in full", InspectView, command=False),
    ViewRow("start", (), "no mesh yet", StartView, command=False),
)
_BY_WORD = {word: row for row in VIEWS for word in (row.name, *row.aliases)}


def find(word: str) -> tuple[ViewRow, str] | None:
    """Return the view a word names, and the kind it names with it; None if it names nothing."""
    row = _BY_WORD.get(word)
    if row is not None:
        return row, row.kind
    kind = parse_kind(word)
    return (_BY_WORD["stat"], kind.name) if kind is not None else None


def make(name: str, scene: Scene, scope: Scope, **options: Any) -> View:
    """Return a new view."""
    return _BY_WORD[name].make(scene, scope, **options)


def words() -> list[str]:
    """Return every word that opens a view; full names first, as they are what to offer."""
    shown = [row for row in VIEWS if row.command]
    names = [*(row.name for row in shown), *(kind.plural for kind in KINDS)]
    return [
        *names,
        *(alias for row in shown for alias in row.aliases),
        *(word for kind in KINDS for word in (kind.name, *kind.short)),
    ]


def index() -> list[tuple[str, str]]:
    """Return (words, what they open) for help."""
    views = [(" ".join((row.name, *row.aliases)[:3]), row.help) for row in VIEWS if row.command]
    kinds = [(" ".join((*kind.short, kind.plural)[:2]), f"stat of {kind.plural}") for kind in KINDS[:4]]
    return [*views, *kinds]
