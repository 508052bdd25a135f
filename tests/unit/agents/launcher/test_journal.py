import asyncio
from pathlib import Path

import pytest

from agents.launcher import journal


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "web.log"


def test_the_tail_of_a_file(log: Path) -> None:
    log.write_text("a\nb\nc\n")
    assert journal.tail(log, 2) == b"b\nc\n"
    assert journal.tail(log, 9) == journal.tail(log, -1) == b"a\nb\nc\n"
    assert journal.tail(log, 0) == b""


def test_the_tail_of_a_file_without_an_end(log: Path) -> None:
    log.write_text("a\nb\nc")
    assert journal.tail(log, 2) == b"b\nc"


def test_a_long_file_is_read_from_its_end(log: Path) -> None:
    lines = [f"{i:07}\n" for i in range(50_000)]
    log.write_text("".join(lines))
    assert journal.tail(log, 20_000) == "".join(lines[-20_000:]).encode()


def test_last_lines_are_text_and_never_blank(log: Path) -> None:
    assert journal.last_lines(log, 3) == []
    log.write_bytes(b"one\n\ntwo \xff\n" + b"x" * 5000 + b"\n\n")
    assert journal.last_lines(log, 5) == ["one", "two �", "x" * journal.LINE_LIMIT]


def test_last_lines_of_the_present_run_only(log: Path) -> None:
    log.write_text("before\n")
    start = journal.size(log)
    assert journal.last_lines(log, 5, start) == []
    with log.open("a") as file:
        file.write("after\n")
    assert journal.last_lines(log, 5, start) == ["after"]
    log.write_text("cut\n")
    assert journal.last_lines(log, 5, start) == ["cut"]


async def test_following_yields_whole_lines_as_they_come(log: Path) -> None:
    log.write_text("old\n")
    lines = journal.follow(log, 4)
    first = asyncio.ensure_future(anext(lines))
    await asyncio.sleep(0)
    with log.open("a") as file:
        file.write("ne")
        file.flush()
        await asyncio.sleep(2 * journal.POLL_S)
        assert not first.done()
        file.write("w\nnewer\n")
    assert await first == b"new\n"
    assert await anext(lines) == b"newer\n"


async def test_following_begins_again_where_a_file_was_cut(log: Path) -> None:
    log.write_text("a long first line\n")
    lines = journal.follow(log, 0)
    assert await anext(lines) == b"a long first line\n"
    log.write_text("next\n")
    assert await anext(lines) == b"next\n"


def test_a_log_that_grew_too_long_is_moved_aside(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "LIMIT", 10)
    journal.shorten(log)
    log.write_text("short\n")
    journal.shorten(log)
    assert log.read_text() == "short\n"
    with log.open("a") as writer:
        writer.write("much longer\n")
        writer.flush()
        journal.shorten(log)
        writer.write("after\n")
    assert log.read_text() == "after\n"
    assert log.with_suffix(".log.1").read_text() == "short\nmuch longer\n"


async def test_a_line_without_end_is_printed_in_pieces_and_held_by_nobody(log: Path) -> None:
    log.write_bytes(b"x" * (journal.CHUNK + 1))
    lines = journal.follow(log, 0)
    assert await asyncio.wait_for(anext(lines), 60) == b"x" * (journal.CHUNK + 1)
    with log.open("ab") as file:
        file.write(b"y\n")
    assert await asyncio.wait_for(anext(lines), 60) == b"y\n"


def test_the_last_lines_of_a_file_without_lines_are_its_end(log: Path) -> None:
    log.write_bytes(b"x" * journal.LAST_BYTES * 2 + b"end")
    (line,) = journal.last_lines(log, 5)
    assert len(line) == journal.LINE_LIMIT
    assert journal.tail(log, 5, journal.LAST_BYTES).endswith(b"end")
    assert len(journal.tail(log, 5, journal.LAST_BYTES)) <= journal.LAST_BYTES + journal.CHUNK


def test_on_a_full_disk_a_long_log_is_cut_all_the_same(log: Path) -> None:
    with log.open("wb") as file:
        file.truncate(journal.LIMIT + 1)
    old = log.with_suffix(".log.1")
    old.symlink_to("/dev/full")
    journal.shorten(log)
    assert log.stat().st_size == 0
    assert not old.is_symlink()
