"""What `:` understands, and how it is completed."""

import pytest

from meshtui.model.command import Command, complete, nearest, parse

NAMES = ("emojivoto", "booksapp")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("po", Command("po")),
        ("Deploy emojivoto", Command("deploy", namespace="emojivoto")),
        ("deploy all", Command("deploy", namespace="")),
        ("deploy -n else", Command("deploy", namespace="else")),
        ("tap deploy/web emojivoto", Command("tap", "deployment", "web", "emojivoto")),
        ("tap deploy web", Command("tap", "deployment", "web")),
        ("deploy/web", Command("deploy", "", "web")),
        ("po booksapp /web-.*", Command("po", namespace="booksapp", filter="web-.*")),
        ("deploy --namespace else", Command("deploy", namespace="else")),
        ("tap deploy/web --status 5xx --max-rps 1", Command("tap", "deployment", "1", flag="--status")),
        ("po /^a b", Command("po", filter="^a b")),
    ],
)
def test_a_line_in_its_parts(text: str, wanted: Command) -> None:
    assert parse(text, NAMES) == wanted


def test_an_empty_line_is_no_command() -> None:
    assert parse("   ", NAMES) is None


def test_words_complete_first_then_namespaces() -> None:
    assert complete("to", ["top", "stat", "topology"], NAMES) == ["top", "topology"]
    assert complete("at", ["stat"], NAMES) == ["stat"]
    assert complete("po em", ["po"], NAMES) == ["po emojivoto"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("tap deploy/w", ["tap deploy/web"]),
        ("deploy/", ["deploy/emoji", "deploy/web"]),
        ("tap deploy w", ["tap deploy web"]),
        ("tap w", ["tap web"]),
        ("stat po", ["stat pods"]),
        ("tap dp", ["tap dp"]),
        ("tap deploy/web b", ["tap deploy/web booksapp"]),
        ("tap po/web", ["tap po/web-0"]),
        ("tap nothing/w", []),
    ],
)
def test_kinds_and_names_complete(text: str, wanted: list[str]) -> None:
    names = {"deployment": ["web", "emoji"], "pod": ["web-0"]}
    assert complete(text, ["tap", "deploy"], NAMES, names, "deployment") == wanted


def test_a_slip_is_put_right() -> None:
    assert nearest("deplyo", ["deploy", "pods"]) == "deploy"
    assert nearest("zzz", ["deploy"]) == ""
