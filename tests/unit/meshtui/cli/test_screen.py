"""What the command line refuses before it takes the screen: no terminal, a view or a namespace nobody knows."""

from types import SimpleNamespace

import pytest

from meshcore.client.failure import ClientError
from meshtui import app
from meshtui.cli import screen
from meshtui.cli.fault import Fault, unknown
from meshtui.cli.main import execute


async def at_home(_: str) -> SimpleNamespace:
    return SimpleNamespace(name="shop")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []

    def run(_: object, *, view: str, namespace: str, **more: object) -> int:
        seen.append(f"{view} {namespace}")
        return 0

    monkeypatch.setattr(screen, "interactive", lambda: True)
    monkeypatch.setattr(screen, "home_of", at_home)
    monkeypatch.setattr(app, "run", run)
    return seen


def answer(monkeypatch: pytest.MonkeyPatch, error: Exception | None) -> None:
    def run(_: object) -> None:
        if error is not None:
            raise error

    monkeypatch.setattr(screen, "run", run)


def test_without_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute([]) == 2
    assert "needs a terminal" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("term", "said"), [("dumb", "TERM is dumb, a terminal without a cursor"), ("", "TERM is not set")]
)
def test_a_terminal_that_cannot_draw(
    term: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(screen, "_at_terminal", lambda: True)
    assert execute([]) == 2
    complaint = capsys.readouterr().err
    assert said in complaint
    assert "TERM=xterm-256color meshtui" in complaint


def test_a_view_nobody_knows(opened: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["-c", "dploy"]) == 2
    assert capsys.readouterr().err == "meshtui: --command: no view or kind 'dploy': did you mean deploy?\n"
    assert not opened


def test_a_namespace_nobody_has(opened: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, unknown("namespace", "shpo", ["shop"]))
    assert execute(["-n", "shpo"]) == 2
    assert not opened


@pytest.mark.parametrize("error", [None, ClientError("does not answer", lost=True), Fault("does not answer")])
def test_what_is_away_is_for_the_screens_to_show(
    opened: list[str], monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    answer(monkeypatch, error)
    assert execute(["-n", "shop", "-c", "tap deploy/web"]) == 0
    assert opened == ["tap deploy/web shop"]
