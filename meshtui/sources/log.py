"""A log file as it grows: its last lines, then what is added.

Screens that show a log read it through here; reading happens in small pieces, a file that is not there yet is
waited for. How bytes become lines is the same for the logs of a cluster's pods (cluster.py). No Textual.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

from meshtui.model.scope import Trouble

TAIL = 256 * 1024
PAUSE_S = 0.5
LOOK_S = 2.0
LONGEST = 64 * 1024  # bytes of one line; what never ends a line is told in pieces


async def follow_file(path: Path) -> AsyncIterator[list[str] | Trouble]:
    """Yield the last lines of a file, then new ones as they are written."""
    offset, missing, rest = -1, False, b""
    while True:
        try:
            before, (offset, data) = offset, await asyncio.to_thread(_read, path, offset)
        except OSError as error:
            if not missing:
                missing = True
                yield Trouble(f"no log at {path}: {error.strerror}", "the workload may not have been started here")
            await asyncio.sleep(PAUSE_S)
            continue
        missing = False
        if data:
            began_anew = before >= 0 and offset - len(data) != before
            lines, rest = cut(b"" if began_anew else rest, data)
            if lines:
                yield lines
        else:
            await asyncio.sleep(PAUSE_S)


def cut(rest: bytes, data: bytes) -> tuple[list[str], bytes]:
    """Return the lines that end in what was read after `rest`, and what is left of the last."""
    *whole, rest = (rest + data).split(b"\n")
    if len(rest) > LONGEST:
        whole, rest = [*whole, rest], b""
    return [line.decode("utf-8", "replace").rstrip("\r") for line in whole], rest


def _read(path: Path, offset: int) -> tuple[int, bytes]:
    """Return where to read on, and what stands from `offset` on; from near the end if that is negative."""
    with path.open("rb") as handle:
        size = handle.seek(0, 2)
        start = max(0, size - TAIL) if offset < 0 or offset > size else offset
        handle.seek(start)
        data = handle.read(TAIL)
    end = start + len(data)
    if offset < 0 < start:
        data = data.partition(b"\n")[2]  # the first line is likely cut
    return end, data


async def follow_pods(folder: Path, wanted: re.Pattern[str]) -> AsyncIterator[list[str] | Trouble]:
    """Yield the lines of every log whose file's name matches, each with its first group (the pod) before it.

    Files that appear later join in.
    """
    queue: asyncio.Queue[list[str]] = asyncio.Queue(100)
    readers: dict[str, asyncio.Task[None]] = {}
    loop = asyncio.get_running_loop()
    missing = False

    async def read(path: Path, pod: str) -> None:
        async with aclosing(cast("Any", follow_file(path))) as answers:
            async for lines in answers:
                if not isinstance(lines, Trouble):
                    await queue.put([f"{pod}  {line}" for line in lines])

    try:
        while True:
            names = await asyncio.to_thread(lambda: sorted(path.name for path in folder.glob("*.log")))
            for name in names:
                match = wanted.fullmatch(name)
                if match and name not in readers:
                    readers[name] = asyncio.create_task(read(folder / name, match[1]))
            if not readers and not missing:
                missing = True
                yield Trouble(f"no log in {folder}", "the workload may not have been started here")
            until = loop.time() + LOOK_S
            while loop.time() < until:
                try:
                    lines = await asyncio.wait_for(queue.get(), until - loop.time())
                except TimeoutError:
                    break
                yield lines
    finally:
        await ended(readers.values())


async def ended(tasks: Iterable[asyncio.Task[None]]) -> None:
    """End tasks, and wait until what they held is closed."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
