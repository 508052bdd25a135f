"""The commands of the image: what each loads, and how wrong words end."""

import subprocess
import sys

import pytest


def run(*args, stdin=b""):
    return subprocess.run([sys.executable, "-m", "agents", *args], input=stdin, capture_output=True, check=False)


@pytest.mark.parametrize(
    ("args", "word"),
    [
        ((), b"required"),
        (("side",), b"invalid choice"),
        (("sidecar",), b"--config"),
        (("sidecar", "--config", "-", "--workers", "0"), b"--workers: 0 is not between 1 and 64"),
        (("sidecar", "--config", "-", "--workers", "many"), b"--workers: invalid int value"),
    ],
)
def test_wrong_words_are_usage_errors(args, word):
    done = run(*args)
    assert done.returncode == 2
    assert word in done.stderr


def test_a_refused_configuration_is_one_line_and_78():
    done = run("sidecar", "--config", "-", stdin=b'{"namespace": 1}')
    assert done.returncode == 78
    assert done.stderr.decode() == "sidecar configuration refused: namespace: expected a string, not a whole number\n"
    assert run("sidecar", "--config=/nowhere.json").returncode == 78


def test_a_sidecar_loads_nothing_of_the_launcher():
    code = "import sys, agents.__main__, agents.sidecar.main as m; print(*[n for n in sys.modules if 'launch' in n])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_sidecar_of_one_process_loads_nothing_of_those_with_several():
    code = "import sys, agents.sidecar.main; print(*[n for n in sys.modules if 'crew' in n or 'worker' in n])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
