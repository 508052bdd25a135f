import pytest

from agents.launcher.main import main


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("up --detahc", "meshtui up: no such option: --detahc; did you mean --detach?"),
        ("down --msh=x", "meshtui down: no such option: --msh=x; did you mean --mesh?"),
        ("ps --zzzzzz", "meshtui ps: no such option: --zzzzzz; `meshtui ps --help` shows what there is"),
        ("up a b", "meshtui up: unexpected argument: b; `meshtui up --help` shows what there is"),
        ("logs", "meshtui logs: the following arguments are required: NAME; `meshtui logs --help` shows what there is"),
        (
            "demo --rate 0",
            "meshtui demo: argument --rate: '0' is not a rate: give a number above 0, at most 1000; "
            "`meshtui demo --help` shows what there is",
        ),
    ],
)
def test_a_wrong_word_is_one_line_and_status_2(words: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words.split())
    assert caught.value.code == 2
    assert capsys.readouterr().err == f"{line}\n"


def test_a_command_of_one_s_own_is_not_parsed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--name", "WEB", "--", "serve", "--detahc"]) == 2
    assert capsys.readouterr().err.startswith("--name: 'WEB' cannot name a workload")
