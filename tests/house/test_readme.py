"""The README's commands exist: its make targets, and the verbs it types after `meshtui`."""

import re
from pathlib import Path

import typer

from meshtui.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_make_targets() -> None:
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", README))
    known = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named - known == set()


def test_verbs() -> None:
    named = set(
        re.findall(r"\bmeshtui ([a-z][a-z-]*)", "\n".join(re.findall(r"`[^`]+`|^    .*$", README, re.MULTILINE)))
    )
    command = typer.main.get_command(app)
    known = set(getattr(command, "commands", {}))
    assert named - known == set()


def test_every_target_is_documented() -> None:
    lines = re.findall(r"^([a-z][a-z-]*):(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert [name for name, rest in lines if "## " not in rest] == []


def test_pictures_are_there() -> None:
    for path in re.findall(r"\]\(([^)#]+\.svg)\)|src=\"([^\"]+\.svg)\"", README):
        name = path[0] or path[1]
        assert (ROOT / name).is_file(), name
