"""A log file as it grows."""

import asyncio
import re
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from meshtui.model.scope import Trouble
from meshtui.sources import log


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "PAUSE_S", 0.01)


async def take(source: Any, count: int) -> list[Any]:
    found = []
    async with aclosing(source) as answers, asyncio.timeout(60):
        async for answer in answers:
            found.append(answer)
            if len(found) == count:
                break
    return found


async def test_lines_that_stand_and_lines_that_come(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("one\ntwo\n")

    async def more() -> None:
        await asyncio.sleep(0.05)
        with path.open("a") as handle:
            handle.write("thr")
        await asyncio.sleep(0.05)
        with path.open("a") as handle:
            handle.write("ee\n")

    task = asyncio.create_task(more())
    assert await take(log.follow_file(path), 2) == [["one", "two"], ["three"]]
    await task


async def test_only_the_end_of_a_long_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "TAIL", 20)
    path = tmp_path / "a.log"
    path.write_text("".join(f"line {i:03d}\n" for i in range(100)))
    assert await take(log.follow_file(path), 1) == [["line 098", "line 099"]]


async def test_a_file_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "a.log"

    async def write() -> None:
        await asyncio.sleep(0.05)
        path.write_text("here\n")

    task = asyncio.create_task(write())
    trouble, lines = await take(log.follow_file(path), 2)
    assert isinstance(trouble, Trouble)
    assert lines == ["here"]
    await task


async def test_a_file_that_was_cut_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("a long first line\nand a part of")
    async with aclosing(log.follow_file(path)) as lines, asyncio.timeout(60):
        assert await anext(lines) == ["a long first line"]
        path.write_text("new\n")
        assert await anext(lines) == ["new"]


def test_a_line_that_never_ends_is_told_in_pieces() -> None:
    rest, told = b"", []
    for _ in range(100):
        lines, rest = log.cut(rest, b"x" * 5000)
        told += lines
        assert len(rest) <= log.LONGEST
    lines, rest = log.cut(rest, b"\r\nnext")
    assert (sum(map(len, told + lines)), rest) == (500_000, b"next")


async def test_the_logs_of_several_pods_say_whose_line_it_is(tmp_path: Path) -> None:
    for name in ("ns.web-0.log", "ns.web-1.log", "ns.web-0.proxy.log", "ns.web-bot-0.log"):
        (tmp_path / name).write_text(f"from {name}\n")
    found = await take(log.follow_pods(tmp_path, re.compile(r"ns\.(web-\d+)\.log")), 2)
    assert sorted(line for lines in found for line in lines) == [
        "web-0  from ns.web-0.log",
        "web-1  from ns.web-1.log",
    ]
