"""`meshtui check` where a kubeconfig leads nowhere: one clear failure, its next step, exit status 1."""

import json
from pathlib import Path

import pytest
import yaml

from meshtui.cli.main import execute


def kubeconfig(folder: Path, server: str) -> Path:
    path = folder / "config"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "here",
    }
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--context", "elsewhere"], "elsewhere"),
        (["--context", "here"], "cannot be reached"),
        (["--pre"], "cannot be reached"),
    ],
)
def test_no_cluster_is_one_failure_with_the_next_step(
    words: list[str], error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, "http://127.0.0.1:1")))
    assert execute(["check", "-o", "json", *words]) == 1
    (category,) = json.loads(capsys.readouterr().out)["categories"]
    (item,) = category["checks"]
    assert (category["categoryName"], item["result"]) == ("kubernetes-api", "error")
    assert error in item["error"]
    assert item["hint"]


def test_a_kubeconfig_that_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["check", "-o", "short", "--kubeconfig", str(tmp_path / "none")]) == 1
    said = capsys.readouterr().out
    assert str(tmp_path / "none") in said
    assert "hint: " in said
    assert said.endswith("Status check results are ×\n")


def test_looking_before_and_after_at_once_makes_no_sense(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["check", "--pre", "--proxy"]) == 2
    assert "leave one of them out" in capsys.readouterr().err
