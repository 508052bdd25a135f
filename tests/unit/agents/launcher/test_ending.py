import asyncio
import os
import signal
import subprocess

import pytest

from agents.launcher.ending import SIGNALS, Ending


async def ended(ending: Ending) -> str:
    await asyncio.wait_for(ending.wait(), 60)
    return ending.reason


@pytest.fixture
async def ending() -> Ending:
    return Ending()


@pytest.fixture(autouse=True)
def handlers() -> object:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
async def test_signals_end_it(ending: Ending, number: signal.Signals) -> None:
    ending.listen()
    os.kill(os.getpid(), number)
    assert await ended(ending) == number.name


async def test_a_second_signal_is_in_a_hurry(ending: Ending) -> None:
    ending.listen()
    os.kill(os.getpid(), signal.SIGTERM)
    await ended(ending)
    hurried = asyncio.create_task(ending.hurried())
    await asyncio.sleep(0)
    assert not hurried.done()
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.wait_for(hurried, 60)
    assert ending.reason == "SIGTERM"


async def test_nohup_is_respected(ending: Ending) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    ending.listen()
    os.kill(os.getpid(), signal.SIGHUP)
    await asyncio.sleep(0.05)
    assert not ending.asked


async def test_it_ends_with_its_owner(ending: Ending) -> None:
    owner = subprocess.Popen(["sleep", "100"])
    ending.listen(owner_pid=owner.pid)
    await asyncio.sleep(0.05)
    assert not ending.asked
    owner.kill()
    assert await ended(ending) == f"its owner (pid {owner.pid}) ended"
    owner.wait()


async def test_an_owner_that_has_gone_already_ends_it_at_once(ending: Ending) -> None:
    owner = subprocess.Popen(["true"])
    owner.wait()
    ending.listen(owner_pid=owner.pid)
    assert await ended(ending) == f"its owner (pid {owner.pid}) has ended"


async def test_it_ends_when_a_pipe_is_closed_not_when_it_is_written_to(ending: Ending) -> None:
    read_end, write_end = os.pipe()
    ending.listen(owner_fd=read_end)
    os.write(write_end, b"x")
    await asyncio.sleep(0.05)
    assert not ending.asked
    os.close(write_end)
    assert await ended(ending) == "its owner ended"
    os.close(read_end)
