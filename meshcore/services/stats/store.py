"""All that was counted: the intake that adds it up, the journal that tells other replicas, and the file it outlives in.

    store = open_store(file)                     # what the process before had counted is in it
    await store.keep(file)                       # beside the listeners, until cancelled
    rps, success = store.pulse(now); store.series; store.sidecars  # for Control.Status

Made by the server; serve.py fills it, answer.py asks it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from meshcore.services.stats.intake import Intake
from meshcore.services.stats.journal import Journal
from meshcore.services.stats.keep import keep, load
from meshcore.services.stats.query import pulse
from meshcore.services.stats.ring import MAX_CELLS, Ring
from meshcore.services.stats.rollup import MAX_SERIES, Rollup


@dataclass(frozen=True, slots=True)
class Store:
    """All that was counted, and how far."""

    intake: Intake
    journal: Journal

    def pulse(self, now: float, namespace: str = "") -> tuple[float, float]:
        """Return requests per second and success of a namespace, or of the whole mesh, over the last ten seconds."""
        return pulse(self.intake.rollup, self.intake.watermark(now), namespace=namespace)

    async def keep(self, file: Path) -> NoReturn:
        """Write all counts to a file again and again, until cancelled."""
        await keep(self.intake, file)

    @property
    def series(self) -> int:
        return self.intake.rollup.series

    @property
    def sidecars(self) -> int:
        return self.intake.connected()


def open_store(file: Path | None = None, max_cells: int = MAX_CELLS, max_series: int = MAX_SERIES) -> Store:
    """Return a store with its memory bound; with a file, what `keep` last wrote there."""
    held = load(file, max_cells, max_series) if file is not None else None
    intake = held or Intake(Rollup(Ring(max_cells), max_series))
    return Store(intake, Journal(intake))
