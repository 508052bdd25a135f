"""Log files of processes: their last lines, following them, and keeping them from filling the disk.

Programs write their files themselves; nothing here stands between a program and its log.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

CHUNK = 64 * 1024
POLL_S = 0.1
LIMIT = 16 << 20
LINE_LIMIT = 2000  # bytes of one line in a status
LAST_BYTES = 256 * 1024  # as far back as the last lines of a status are looked for


def size(path: Path) -> int:
    """Return how long a file is; 0 if there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def last_lines(path: Path, count: int, start: int = 0) -> list[str]:
    """Return the last lines of a file after `start`, as text; none if there is no such file."""
    end = size(path)
    if start == end:
        return []
    data = tail(path, count, LAST_BYTES)
    if start < end:
        data = data[-(end - start) :]
    lines = [line[:LINE_LIMIT].decode("utf-8", "replace").rstrip() for line in data.splitlines()]
    return [line for line in lines if line][-count:]


def tail(path: Path, count: int, most: int = sys.maxsize) -> bytes:
    """Return the last `count` lines of a file, all of it if negative; of about `most` bytes at its end."""
    try:
        with path.open("rb") as file:
            if count < 0:
                return file.read()
            end = file.seek(0, os.SEEK_END)
            found = b""
            while end and len(found) < most and found.count(b"\n") <= count:
                start = max(0, end - CHUNK)
                file.seek(start)
                found = file.read(end - start) + found
                end = start
    except FileNotFoundError:
        return b""
    return b"".join(found.splitlines(keepends=True)[-count:]) if count else b""


async def follow(path: Path, start: int) -> AsyncIterator[bytes]:
    """Yield whole lines that are added to a file after `start`; begin again where it was cut.

    A line that does not end is yielded in pieces, so that it is neither held nor kept from whoever reads.
    """
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
        if len(rest) > CHUNK:
            yield rest
            rest = b""
        if not data:
            await asyncio.sleep(POLL_S)


def shorten(path: Path) -> None:
    """Move a log that has grown too long aside; its writer goes on at the beginning of the file.

    Where there is no room for both, what was said is given up.
    """
    if size(path) <= LIMIT:
        return
    aside = path.with_suffix(path.suffix + ".1")
    try:
        with path.open("rb") as source, aside.open("wb") as old:
            while data := source.read(1 << 20):
                old.write(data)
    except OSError:
        aside.unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.truncate(path, 0)
