"""How the mesh's own programs are started."""

import subprocess
import sys
from pathlib import Path

import pytest

from agents.launcher import commands


def test_a_sidecar_starts_in_any_folder_and_takes_nothing_from_it(tmp_path: Path) -> None:
    (tmp_path / "socket.py").write_text("raise SystemExit('not the one')\n")
    done = subprocess.run(
        commands.sidecar(),
        cwd=tmp_path,
        env=commands.sidecar_environment(),
        input=b"{}",
        capture_output=True,
        check=False,
    )
    assert b"configuration refused: namespace: missing field" in done.stderr


def test_a_sidecar_runs_nothing_that_others_put_into_site_packages() -> None:
    start, _, rest = " ".join(commands.sidecar()).partition(" -m agents ")
    code = "import sys; print('site' in sys.modules, 'pathlib' in sys.modules)"
    done = subprocess.run(
        [*start.split(), "-c", code], env=commands.sidecar_environment(), capture_output=True, text=True, check=True
    )
    assert rest == "sidecar --config -"
    assert done.stdout.split() == ["False", "False"]


def test_a_folder_that_happens_to_be_the_current_one_is_not_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert str(tmp_path) in sys.path
    assert str(tmp_path) not in commands.sidecar_environment()["PYTHONPATH"].split(":")


def test_a_person_s_proxy_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    assert "https_proxy" not in commands.environment()
    assert "https_proxy" not in commands.sidecar_environment()


def test_a_sidecar_s_own_bytecode_is_kept_in_the_person_s_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    given = commands.sidecar_environment()
    folder = tmp_path / "meshtui" / "bytecode"
    assert (given["PYTHONOPTIMIZE"], given["PYTHONPYCACHEPREFIX"]) == ("2", str(folder))
    assert folder.stat().st_mode & 0o777 == 0o700
    done = subprocess.run(commands.sidecar(), env=given, input=b"{}", capture_output=True, check=False)
    assert b"configuration refused: namespace: missing field" in done.stderr
    assert list(folder.rglob("config.*.opt-2.pyc"))


@pytest.mark.parametrize("why", ["nothing may be written", "there is a file"])
def test_without_a_cache_a_sidecar_is_like_other_programs(
    why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "meshtui").write_text("")
    monkeypatch.setattr(sys, "dont_write_bytecode", why == "nothing may be written")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert not {"PYTHONOPTIMIZE", "PYTHONPYCACHEPREFIX"} & set(commands.sidecar_environment())


def test_bytecode_that_others_could_have_put_there_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "meshtui" / "bytecode"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert not {"PYTHONOPTIMIZE", "PYTHONPYCACHEPREFIX"} & set(commands.sidecar_environment())
    folder.chmod(0o755)
    assert commands.sidecar_environment()["PYTHONPYCACHEPREFIX"] == str(folder)
