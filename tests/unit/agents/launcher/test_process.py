import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agents.launcher.process import Program, StartError, Yard, hanging, outcome, resolve


@pytest.fixture
async def yard() -> AsyncIterator[Yard]:
    yard = Yard()
    yield yard
    await yard.close()


def program(folder: Path, command: list[str], **more: object) -> Program:
    return Program(command, {"PATH": os.environ["PATH"], "WORD": "hello"}, folder, folder / "log", **more)  # type: ignore[arg-type]


async def test_output_status_and_environment(yard: Yard, tmp_path: Path) -> None:
    process = yard.start(program(tmp_path, ["sh", "-c", "echo $WORD; pwd; echo oops >&2; exit 3"]))
    assert process.running
    assert await process.wait() == 3
    assert not process.running
    assert (tmp_path / "log").read_text() == f"hello\n{tmp_path}\noops\n"


async def test_stdin_is_given_whole_and_closed(yard: Yard, tmp_path: Path) -> None:
    assert await yard.start(program(tmp_path, ["cat"], stdin=b"secret")).wait() == 0
    assert (tmp_path / "log").read_text() == "secret"


async def test_descriptors_are_passed_and_no_others(yard: Yard, tmp_path: Path) -> None:
    passed, other = os.memfd_create("a", 0), os.memfd_create("b", 0)
    await yard.start(program(tmp_path, ["ls", "/proc/self/fd"], fds=(passed,))).wait()
    assert set((tmp_path / "log").read_text().split()) == {"0", "1", "2", "3", str(passed)} or passed == 3
    os.close(passed)
    os.close(other)


async def test_the_whole_group_is_stopped(yard: Yard, tmp_path: Path) -> None:
    process = yard.start(program(tmp_path, ["sh", "-c", "sleep 100 & echo $!; sleep 100"]))
    while not (tmp_path / "log").read_text().strip():
        await asyncio.sleep(0.01)
    child = int((tmp_path / "log").read_text())
    await process.stop(2)
    assert await process.wait() == -signal.SIGTERM
    while child in yard.reap():
        await asyncio.sleep(0.01)
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


async def test_one_that_was_halted_is_told_from_one_that_hangs(yard: Yard, tmp_path: Path) -> None:
    process = yard.start(program(tmp_path, ["sleep", "100"]))
    assert hanging(process, "no answer") == f"it hangs, no answer: `kill -9 {process.pid}` has it started again"
    process.signal(signal.SIGSTOP)
    while not process.stopped:
        await asyncio.sleep(0.01)
    assert f"`kill -CONT {process.pid}`" in hanging(process, "no answer")
    await process.stop(10)
    assert not process.stopped


async def test_one_that_does_not_listen_is_killed(yard: Yard, tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(100)"
    process = yard.start(program(tmp_path, [sys.executable, "-c", code]))
    while not (tmp_path / "log").read_text():
        await asyncio.sleep(0.01)
    await process.stop(0.05)
    assert await process.wait() == -signal.SIGKILL


async def test_one_that_left_its_group_is_found_and_ended(yard: Yard, tmp_path: Path) -> None:
    process = yard.start(program(tmp_path, ["sh", "-c", "setsid sleep 100 & echo $!; sleep 0.1"]))
    await process.wait()
    runaway = int((tmp_path / "log").read_text())
    stranger = subprocess.Popen(["sleep", "100"])
    assert yard.reap() == [runaway]
    await yard.close()
    with pytest.raises(ProcessLookupError):
        os.kill(runaway, 0)
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no-such-program", "command not found: no-such-program"),
        ("./none", "there is no {}/none"),
        ("./data", "{}/data is not a program that may be run"),
        ("./", "{} is not a program that may be run"),
        ("./" + "x" * 300, "cannot start {}/" + "x" * 300 + ": File name too long"),
    ],
)
def test_what_cannot_be_started_is_said(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(StartError) as caught:
        resolve(name, tmp_path, {})
    assert str(caught.value) == message.format(tmp_path)


def test_a_command_is_looked_for_in_the_program_s_own_path(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("#!/bin/sh\n")
    (tmp_path / "mine").chmod(0o755)
    assert resolve("mine", Path("/"), {"PATH": str(tmp_path)}) == str(tmp_path / "mine")
    assert resolve("./mine", tmp_path, {}) == str(tmp_path / "mine")


def test_statuses_in_words() -> None:
    assert outcome(3) == "exit status 3"
    assert outcome(-9) == "killed by SIGKILL"
    assert outcome(-1000) == "killed by signal 1000"


async def test_a_command_that_no_program_can_be_given_is_said(yard: Yard, tmp_path: Path) -> None:
    with pytest.raises(StartError, match="cannot start echo: embedded null byte"):
        yard.start(program(tmp_path, ["echo", "a\0b"]))
