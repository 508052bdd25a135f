"""A mesh's folder is private, claimed once, found by name, and cleaned up after a killed run."""

import os
import stat
from pathlib import Path

import pytest

from meshcore.client import place


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("MESHTUI_MESH", raising=False)
    return tmp_path / "meshtui"


def test_a_claimed_place_is_private_and_found(runtime: Path) -> None:
    claim = place.claim("demo")
    assert stat.S_IMODE(claim.place.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(runtime.stat().st_mode) == 0o700
    assert place.find() == claim.place == place.find("demo")
    assert claim.place.launcher_pid() == os.getpid()
    claim.release()
    assert place.running() == []


def test_a_second_claim_says_what_runs() -> None:
    claim = place.claim("demo")
    with pytest.raises(place.PlaceError, match=f"named demo already runs .launcher pid {os.getpid()}"):
        place.claim("demo")
    claim.release()


def test_what_a_killed_run_left_is_removed(runtime: Path) -> None:
    claim = place.claim("demo")
    claim.lock.close()  # as the kernel does when the launcher is killed
    assert place.running() == []
    assert not (runtime / "demo").exists()


def test_a_new_claim_takes_over_a_stale_place() -> None:
    place.claim("demo").lock.close()
    place.claim("demo").release()


def test_a_folder_that_is_no_mesh_is_left_alone(runtime: Path) -> None:
    place.root()
    (runtime / "notes").mkdir()
    assert place.running() == []
    assert (runtime / "notes").is_dir()


def test_nothing_runs() -> None:
    with pytest.raises(place.PlaceError, match="no mesh runs here") as caught:
        place.find()
    assert "meshtui demo" in caught.value.hint


def test_several_run_and_the_name_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    claims = [place.claim(name) for name in ("demo", "shop")]
    with pytest.raises(place.PlaceError, match="several meshes run: demo, shop"):
        place.find()
    monkeypatch.setenv("MESHTUI_MESH", "shop")
    assert place.find().name == "shop"
    with pytest.raises(place.PlaceError) as caught:
        place.find("shopp")
    assert caught.value.hint == "did you mean shop?"
    with pytest.raises(place.PlaceError, match="no mesh named prod runs here") as caught:
        place.find("prod")
    assert caught.value.hint == "there is demo, shop"
    for claim in claims:
        claim.release()


@pytest.mark.parametrize("name", ["", "Demo", "../x", "a/b", "-a"])
def test_a_name_that_could_leave_the_folder_is_refused(name: str) -> None:
    with pytest.raises(place.PlaceError, match="cannot name a mesh"):
        place.claim(name)


def test_the_folder_of_somebody_else_is_refused(runtime: Path) -> None:
    runtime.symlink_to("/")
    with pytest.raises(place.PlaceError, match="not a folder of yours"):
        place.root()
