"""`meshtui check FILE…`: what is wrong, where, and the exit status."""

import io
import json
from pathlib import Path

import pytest

from meshtui.cli.main import execute
from tests.support.kinds import GOOD

BAD = GOOD.replace("share: 0.1", "share: 10")
LINE = BAD.splitlines().index("  share: 10") + 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "sub" / "bad.yml").write_text(BAD)
    (tmp_path / "notes.txt").write_text("[")
    return tmp_path


def test_good_files_are_good(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["check", str(folder / "good.yaml")]) == 0
    assert capsys.readouterr().out == "√ 6 objects of 1 file\n"


def test_a_folder_is_checked_to_its_depth(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["check", str(folder)]) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{folder}/sub/bad.yml:{LINE}: spec.share: 10 is out of range; write a share")
    assert last == "× 1 fault in 12 objects of 2 files"


def test_json_has_each_fault_by_its_parts(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(BAD.encode())))
    assert execute(["check", "-", "-o", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["success"], found["files"], found["objects"]) == (False, 1, 6)
    (fault,) = found["faults"]
    assert (fault["file"], fault["line"], fault["field"]) == ("stdin", LINE, "spec.share")


def test_objects_of_others_are_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "pod.yaml").write_text("apiVersion: v1\nkind: Pod\n")
    assert execute(["check", str(folder / "pod.yaml")]) == 0
    said = capsys.readouterr()
    assert "0 objects of 1 file" in said.out
    assert "1 of other kinds: not checked" in said.err


def test_a_mesh_file_is_judged_as_the_launcher_does(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "mesh.yaml"
    file.write_text("workloads:\n  - name: web\n    command: x\n    upstreams: [nobody]\n")
    assert execute(["check", str(file)]) == 1
    assert capsys.readouterr().out.startswith(f"{file}:4: workloads[0].upstreams[0]: ")
    file.write_text("workloads:\n  - name: web\n    command: x\n")
    assert execute(["check", str(file)]) == 0


@pytest.mark.parametrize(("name", "said"), [("none.yaml", "No such file"), ("empty", "has no files that end in .yaml")])
def test_what_cannot_be_read_is_told(folder: Path, capsys: pytest.CaptureFixture[str], name: str, said: str) -> None:
    (folder / "empty").mkdir()
    assert execute(["check", str(folder / name)]) == 2
    assert said in capsys.readouterr().err
