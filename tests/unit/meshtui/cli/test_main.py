"""How the command line leaves: exit statuses, one line for what makes no sense, and readers that have seen enough."""

import subprocess
import sys
from pathlib import Path

import pytest

from meshtui.cli.main import execute, verb_first


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("stta", "meshtui: no such command 'stta'; did you mean 'stat'?\n"),
        ("zzzzzz", "meshtui: no such command 'zzzzzz'; `meshtui --help` lists what there is\n"),
        ("stat deploy -o", "meshtui: option '-o' requires an argument; `meshtui stat --help` lists what there is\n"),
        ("routes depoy", "meshtui: unknown resource type 'depoy'; did you mean deploy?"),
        ("stat deploy -o xml", "meshtui: invalid value for '--output' / '-o': 'xml' is not one of"),
        ("stat depoy", "meshtui: unknown resource type 'depoy'; did you mean deploy?"),
        ("tap deploy -o yaml", "meshtui: tap prints events as they happen"),
    ],
)
def test_what_makes_no_sense_is_one_line(words: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(words.split()) == 2
    said = capsys.readouterr()
    assert said.err.startswith(complaint)
    assert said.err.count("\n") == 1
    assert not said.out


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("-n shop stat deploy", "stat -n shop deploy"),
        ("--mesh a --namespace=shop ps", "ps --mesh a --namespace=shop"),
        ("stat -n shop", "stat -n shop"),
        ("-c graph", "-c graph"),
        ("-n shop routes deploy/web", "top --routes -n shop deploy/web"),
        ("run --name a -- -n stat", "run --name a -- -n stat"),
    ],
)
def test_flags_before_a_verb_are_its_own(words: str, meant: str) -> None:
    assert verb_first(words.split()) == meant.split()


def test_a_reader_that_has_seen_enough_is_no_failure() -> None:
    program = (
        "import sys; from meshtui.cli import main; "
        "main.check_verb.check = lambda mesh: [print('x' * 100) for _ in range(10_000)]; "
        "sys.exit(main.execute(['--check']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        assert started.stdout.readline().startswith("xxx")
        started.stdout.close()
        assert started.stderr.read() == ""
        assert started.wait(10) == 0


def test_a_locale_without_our_signs_is_no_failure() -> None:
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    program = "import sys; from meshtui.cli import main; main.execute = lambda words: print('\\u221a ok'); main.main()"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"\\u221a ok\n", b"")


@pytest.mark.parametrize("words", ["--version", "inject --annotate", "uninject"])
@pytest.mark.parametrize("streams", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_who_starts_it_without_a_stream_is_not_told_of_python(words: str, streams: str) -> None:
    command = f"{sys.executable} -m meshtui {words} {streams}"
    done = subprocess.run(["/bin/sh", "-c", command], input="", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", ["--version", "uninject"])
def test_a_full_disk_is_one_line(words: str) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "meshtui", *words.split()]
        done = subprocess.run(command, input="a: 1\n", stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "does not fit: No space left on device" in done.stderr
