"""What the shell is offered; the words before the one at hand decide, and a mesh that is away offers nothing."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest
import typer

from meshcore.client.place import PlaceError
from meshtui.cli import completion


def context(**params: Any) -> typer.Context:
    made = typer.Context(typer.main.get_command(typer.Typer(callback=lambda: None)))
    made.params.update(params)
    return made


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    def known(_: typer.Context, word: str) -> Iterable[str]:
        return ["web", "worker", "api"] if word == "deploy" else []

    monkeypatch.setattr(completion, "_names", known)


def test_types_first() -> None:
    assert completion.resources(context(), "d") == ["deploy", "ds"]
    assert "all" in completion.resources(context(), "")


def test_names_after_a_type_but_none_twice() -> None:
    assert completion.resources(context(words=["deploy"]), "w") == ["web", "worker"]
    assert completion.resources(context(words=["deploy", "web"]), "w") == ["worker"]


def test_names_behind_a_slash_and_types_after_such_a_word() -> None:
    assert completion.resources(context(), "deploy/w") == ["deploy/web", "deploy/worker"]
    assert completion.resources(context(words=["deploy/web"]), "p") == ["po"]
    assert completion.resources(context(), "nothing/w") == []


def test_the_mesh_of_the_words_so_far_is_asked_and_nobody_there_is_no_complaint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def find(mesh: str | None = None) -> None:
        asked.append(mesh)
        raise PlaceError("no mesh runs here")

    async def question(_: object) -> Iterable[str]:
        return ["never"]

    wanted: Callable[[Any], Awaitable[Iterable[str]]] = question
    monkeypatch.delenv("MESHTUI_MESH", raising=False)
    monkeypatch.setattr(completion, "find", find)
    assert list(completion._ask(context(mesh="shop"), wanted)) == []
    assert completion.namespaces(context(), "") == []
    assert asked == ["shop", None]
