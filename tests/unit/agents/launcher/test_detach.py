import os
from pathlib import Path

import pytest

from agents.launcher import commands
from agents.launcher.detach import Relay, detach

SPEAK = "import os, sys; fd = int(sys.argv[-1]); {}"


def speaking(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    import sys

    monkeypatch.setattr(commands, "launch", lambda: [sys.executable, "-c", SPEAK.format(code)])


def test_what_the_launcher_says_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = '{"out": "up"}\\n{"err": "hm"}\\nTraceback: x\\n{"status": 3}\\n{"out": "late"}\\n'
    speaking(monkeypatch, f"os.write(fd, b'{lines}')")
    assert detach(["up"]) == 3
    out, err = capfd.readouterr()
    assert (out, err) == ("up\n", "hm\nTraceback: x\n")


def test_one_that_has_failed_is_gone_when_its_starter_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    failing = f"import time; os.write(fd, b'{{status}}'); time.sleep(0.3); open('{gone}', 'w')"
    speaking(monkeypatch, failing.replace("{status}", '{"status": 2}\\n'))
    assert detach(["up"]) == 2
    assert gone.exists()


def test_one_that_ends_without_a_word_has_failed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    speaking(monkeypatch, "pass")
    assert detach(["up"]) == 1
    assert capfd.readouterr().err == "the launcher ended before the mesh was up\n"


def test_a_relay_falls_silent_once_it_has_finished() -> None:
    read_end, write_end = os.pipe()
    relay = Relay(write_end)
    relay.say("up")
    relay.finish(0)
    relay.say("late")
    relay.finish(1)
    assert os.read(read_end, 4096) == b'{"out":"up"}\n{"status":0}\n'
    assert os.read(read_end, 1) == b""
    os.close(read_end)


def test_a_starter_that_has_gone_is_no_failure() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    relay = Relay(write_end)
    relay.say("up")
    relay.finish(0)
