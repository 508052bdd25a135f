"""The table of keys: no key means two things where both could be meant, and everything can be explained."""

import inspect

import pytest

from meshtui import keys, registry
from meshtui.app import MeshApp
from meshtui.screens.view import View
from meshtui.widgets.graph import ServiceGraph
from meshtui.widgets.grid import Grid

VIEWS = {row.name: row.make for row in registry.VIEWS}
# who has the actions of a context that is no view's own
WIDGETS = {"grid": Grid, "map": ServiceGraph, "app": MeshApp}


def contexts(view: type[View]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*view.CONTEXTS, *(("grid",) if "table" in view.CONTEXTS else ()))))


@pytest.mark.parametrize("name", VIEWS)
def test_a_key_means_one_thing_on_a_screen(name: str) -> None:
    seen: dict[str, keys.Key] = {}
    view = VIEWS[name]
    assert inspect.isclass(view)
    for key in keys.rows(contexts(view)):
        for each in key.keys.split(","):
            assert each not in seen, f"{each} is both {seen[each].action} and {key.action} on {name}"
            seen[each] = key


@pytest.mark.parametrize("name", VIEWS)
def test_every_action_exists(name: str) -> None:
    view = VIEWS[name]
    for key in keys.rows(contexts(view)):
        action = key.action.partition("(")[0]
        owner = WIDGETS.get(key.context, view)
        if action.startswith("app."):
            action, owner = action.removeprefix("app."), MeshApp
        if key.context == "page":
            continue  # any scrolling widget's
        assert hasattr(owner, f"action_{action}"), f"{owner.__name__} has no action_{action} for {key.keys}"


def test_every_context_belongs_to_something() -> None:
    used = {context for view in VIEWS.values() for context in contexts(view)} | set(WIDGETS)
    assert {key.context for key in keys.KEYS} <= used


def test_every_key_is_explained() -> None:
    for key in keys.KEYS:
        assert key.help, key
        assert len(key.hint) <= 10, key


def test_hints_begin_with_what_is_special_and_end_with_help() -> None:
    found = keys.hints(("tap", "table", "view", "app"))
    assert found[0] == ("f", "follow")
    assert found[-2:] == [("?", "help"), (":", "command")]


@pytest.mark.parametrize(
    ("name", "wanted"), [("quit", "q"), ("save", "ctrl-s"), ("help", "?"), ("sort_next", "shift-→")]
)
def test_keys_are_written_as_people_read_them(name: str, wanted: str) -> None:
    assert keys.shown(next(key for key in keys.KEYS if key.action == name)) == wanted
