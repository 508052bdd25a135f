"""The launcher's help reads as that of the verbs which `meshtui` parses itself."""

import pytest

from agents.launcher.main import main

PS = """\
Usage: meshtui ps [OPTIONS]

  List a mesh's processes.

Options:
  -o, --output <table|wide|json|yaml>
                              How to print.
  -n, --namespace NS          Namespace (default: all of them).
  -A, --all-namespaces        All namespaces, as without -n.
  --mesh NAME                 Which local mesh, where several run.
  -h, --help                  Show this message and exit.
"""


def shown(words: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as caught:
        main(words.split())
    assert not caught.value.code
    return capsys.readouterr().out


def test_options_stand_in_two_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown("ps --help", capsys) == PS


@pytest.mark.parametrize(
    ("verb", "usage"),
    [
        ("up", "Usage: meshtui up [OPTIONS] [FILE]"),
        ("logs", "Usage: meshtui logs [OPTIONS] NAME"),
        ("run", "Usage: meshtui run --name NAME [OPTIONS] -- COMMAND …"),
    ],
)
def test_arguments_are_named_and_explained(verb: str, usage: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(f"{verb} -h", capsys)
    assert text.startswith(f"{usage}\n\n  ")
    assert "\nArguments:\n  " in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_what_only_programs_say_to_each_other_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--relay-fd" not in shown("up -h", capsys)


def test_the_verbs_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert "One of up, demo, run, down, ps, logs, check" in shown("-h", capsys)
