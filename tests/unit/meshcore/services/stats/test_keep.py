"""The file of counts: written beside the work, at its end, and read again; its loss is survived."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from meshcore.services.stats import keep
from meshcore.services.stats.store import open_store
from tests.support.traffic import NOW, Mesh


async def test_counts_outlive_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep, "LOOK_S", 0.01)
    file = tmp_path / "stats"
    mesh = Mesh()
    keeping = asyncio.create_task(keep.keep(mesh.intake, file))
    mesh.talk("web-0", "voting-0", [NOW], count=3)
    await asyncio.sleep(0.1)
    assert open_store(file).series == 2
    mesh.talk("web-0", "emoji-0", [NOW], count=3)
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping
    assert open_store(file).series == 4
    assert [path.name for path in tmp_path.iterdir()] == ["stats"]


async def test_a_sidecar_that_goes_is_written_down_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep, "LOOK_S", 0.01)
    file = tmp_path / "stats"
    mesh = Mesh()
    mesh.sidecar("web-0")
    keeping = asyncio.create_task(keep.keep(mesh.intake, file))
    await asyncio.sleep(0.1)
    assert open_store(file).series == 0
    mesh.talk("web-0", "voting-0", [NOW], count=3)
    await asyncio.sleep(0.1)
    mesh.intake.close(mesh.sidecar("web-0").uplink)
    await asyncio.sleep(0.1)
    assert open_store(file).series == 2
    keeping.cancel()


def test_a_damaged_file_costs_history_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "stats"
    assert open_store(file).series == 0
    assert not caplog.records
    file.write_bytes(b"\x00nonsense")
    assert open_store(file).series == 0
    assert "the counts of the process before are lost" in caplog.text


async def test_a_folder_that_went_away_is_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep, "LOOK_S", 0.01)
    keeping = asyncio.create_task(keep.keep(Mesh().intake, tmp_path / "gone" / "stats"))
    await asyncio.sleep(0.05)
    assert not keeping.done()
    keeping.cancel()
