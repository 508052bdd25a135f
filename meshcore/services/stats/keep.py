"""The file that outlives the process: a snapshot of all counts, written again and again, read at the start.

The server runs `keep` beside its listeners. Losing the file loses history, nothing else.
"""

import asyncio
import logging
import time
from pathlib import Path
from typing import NoReturn

from meshcore.services.stats.intake import Intake
from meshcore.services.stats.snapshot import freeze, thaw

log = logging.getLogger("meshcore.stats")

INTERVAL_S = 5.0
LOOK_S = 0.5
SHARE = 100  # a snapshot may take a hundredth of the time


def load(file: Path, max_cells: int, max_series: int) -> Intake | None:
    """Return what the process before had counted, if there is a snapshot that can be read."""
    try:
        return thaw(file.read_bytes(), max_cells, max_series)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        log.warning("the counts of the process before are lost: %s", error)
        return None


async def keep(intake: Intake, file: Path) -> NoReturn:
    """Write a snapshot every few seconds, and soon after a sidecar went, which cannot tell its counts again."""
    connected, due = intake.connected(), 0.0
    try:
        while True:
            await asyncio.sleep(LOOK_S)
            now = time.monotonic()
            gone, connected = intake.connected() < connected, intake.connected()
            if now < due and not gone:
                continue
            _write(file, freeze(intake))
            due = now + max(INTERVAL_S, SHARE * (time.monotonic() - now))
    finally:
        _write(file, freeze(intake))


def _write(file: Path, data: bytes) -> None:
    """Write the file whole or not at all."""
    fresh = file.with_name(f".{file.name}.new")
    try:
        fresh.write_bytes(data)
        fresh.replace(file)
    except OSError as error:
        log.warning("the counts cannot be kept in %s: %s", file, error)
