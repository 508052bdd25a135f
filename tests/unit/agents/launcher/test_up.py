"""A mesh that cannot begin is refused before anything of it is there."""

import sys
from pathlib import Path

import pytest

from agents.launcher.up import BAD_INPUT, Order, up


def test_a_name_that_no_mesh_can_have_is_told_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(f"workloads:\n  - name: web\n    command: {sys.executable} -V\nname: X_Y\n")
    assert up(Order(file), None) == BAD_INPUT
    assert "mesh.yaml:4: name: 'X_Y' cannot name a mesh" in "".join(capsys.readouterr())
