"""Log files of processes: their last lines, following them, and keeping them from filling the disk.

Programs write their files themselves; nothing here stands between a program and its log.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

CHUNK = 64 * 1024
POLL_S = 0.1
LIMIT = 16 << 20
LINE_LIMIT = 2000  # of one line in a status


def size(path: Path) -> int:
    """Return how long a file is; 0 if there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def last_lines(path: Path, count: int, start: int = 0) -> list[str]:
    """Return the last lines of a file after `start`, as text; none if there is no such file."""
    end = size(path)
    data = tail(path, count)[-(end - start) :] if start < end else b"" if start == end else tail(path, count)
    lines = [line[:LINE_LIMIT].decode("utf-8", "replace").rstrip() for line in data.splitlines()]
    return [line for line in lines if line][-count:]


def tail(path: Path, count: int) -> bytes:
    """Return the last `count` lines of a file; all of it if negative."""
    try:
        with path.open("rb") as file:
            if count < 0:
                return file.read()
            end = file.seek(0, os.SEEK_END)
            found = b""
            while end and found.count(b"\n") <= count:
                start = max(0, end - CHUNK)
                file.seek(start)
                found = file.read(end - start) + found
                end = start
    except FileNotFoundError:
        return b""
    return b"".join(found.splitlines(keepends=True)[-count:]) if count else b""


async def follow(path: Path, start: int) -> AsyncIterator[bytes]:
    """Yield whole lines that are added to a file after `start`; begin again where it was cut."""
    position, rest = start, b""
    while True:
        try:
            with path.open("rb") as file:
                if file.seek(0, os.SEEK_END) < position:
                    position, rest = 0, b""
                file.seek(position)
                data = file.read(1 << 20)
        except FileNotFoundError:
            data = b""
        position += len(data)
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield line + b"\n"
        if not data:
            await asyncio.sleep(POLL_S)


def shorten(path: Path) -> None:
    """Move a log that has grown too long aside; its writer goes on at the beginning of the file."""
    try:
        if path.stat().st_size <= LIMIT:
            return
        with path.open("rb") as source, path.with_suffix(path.suffix + ".1").open("wb") as old:
            while data := source.read(1 << 20):
                old.write(data)
        os.truncate(path, 0)
    except FileNotFoundError:
        return
