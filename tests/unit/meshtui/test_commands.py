"""Typed commands: which view and scope they become."""

import pytest

from meshtui.commands import Step, complete, interpret
from meshtui.model.scope import Scope

NAMES = ("emojivoto", "booksapp")


def meant(text: str, namespace: str = "") -> Step:
    return interpret(text, namespace, NAMES)


@pytest.mark.parametrize(
    ("text", "view", "scope"),
    [
        ("deploy", "stat", Scope("deployment", "booksapp")),
        ("po emojivoto", "stat", Scope("pod", "emojivoto")),
        ("svc all", "stat", Scope("service")),
        ("ns", "stat", Scope("namespace")),
        ("ns emojivoto", "stat", Scope("deployment", "emojivoto")),
        ("deploy web", "stat", Scope("deployment", "booksapp", filter="^web$")),
        ("deploy/web", "stat", Scope("deployment", "booksapp", filter="^web$")),
        ("po /web", "stat", Scope("pod", "booksapp", filter="web")),
        ("tap deploy/web emojivoto", "tap", Scope("deployment", "emojivoto", "web")),
        ("top", "top", Scope("deployment", "booksapp")),
        ("edges po", "edges", Scope("pod", "booksapp")),
        ("meshed", "meshed", Scope("", "booksapp")),
        ("ep", "meshed", Scope("", "booksapp")),
        ("dp", "stat", Scope("deployment", "booksapp")),
        ("sts", "stat", Scope("statefulset", "booksapp")),
        ("ds", "stat", Scope("daemonset", "booksapp")),
        ("routes deploy/web", "routes", Scope("deployment", "booksapp", "web")),
    ],
)
def test_a_command_is_a_view_and_a_scope(text: str, view: str, scope: Scope) -> None:
    assert meant(text, "booksapp") == Step(view, scope)


@pytest.mark.parametrize("text", ["q", "quit", "q!"])
def test_some_commands_leave(text: str) -> None:
    assert meant(text).quit


def test_a_slip_is_refused_with_the_nearest_word() -> None:
    assert meant("deplyo").refusal == "no view or kind 'deplyo': did you mean deploy?"
    assert meant("po emojivto").refusal == "no namespace 'emojivto': did you mean emojivoto?"
    assert meant("frobnicate").refusal == "no view or kind 'frobnicate'"


@pytest.mark.parametrize("word", ["ctx", "contexts"])
def test_a_context_is_chosen_before(word: str) -> None:
    assert meant(word).refusal == "a context is chosen on the command line: meshtui --context NAME"


def test_a_flag_of_the_command_line_is_refused() -> None:
    said = "--status is for the command line: here / narrows what is shown"
    assert meant("tap deploy/web --status 5xx").refusal == said


def test_nothing_typed_is_nothing_done() -> None:
    assert meant("  ") == Step()


def test_completion_knows_views_kinds_and_namespaces() -> None:
    assert "deployments" in complete("dep", NAMES)
    assert "graph" in complete("gr", NAMES)
    assert complete("top b", NAMES) == ["top booksapp"]
    assert complete("top stat", NAMES) == ["top statefulsets"]
    assert complete("check ", NAMES) == ["check emojivoto", "check booksapp", "check all"]
