import json
import tarfile
from pathlib import Path

import pytest

from deploy.images import build as builder
from deploy.images.layer import LAYERS
from meshcore.wire.version import VERSION


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of layers that were made; each holds one file that tells its words."""
    kinds: list[str] = []

    def maker(kind: str):
        def make(tree: Path, words: tuple[str, ...]) -> None:
            kinds.append(kind)
            tree.mkdir()
            (tree / kind).write_text(" ".join(words))

        return make

    monkeypatch.setattr(builder, "CACHE", tmp_path / "cache")
    for kind in LAYERS:
        monkeypatch.setitem(LAYERS, kind, maker(kind))
    return kinds


def test_the_tag_is_the_version() -> None:
    assert builder.version() == VERSION


def test_packages_are_kept_and_the_project_is_made_each_time(made: list[str], tmp_path: Path) -> None:
    builder.build("agents", tmp_path)
    assert made == ["debian", "wheels", "project"]
    builder.build("agents", tmp_path)
    assert made == ["debian", "wheels", "project", "project"]


def test_an_image_is_what_its_containerfile_says(made: list[str], tmp_path: Path) -> None:
    with tarfile.open(builder.build("controller", tmp_path, prefix="registry.example/ours/", tag="2")) as image:
        manifest = json.load(image.extractfile("manifest.json"))[0]
        config = json.load(image.extractfile(manifest["Config"]))["config"]
    assert manifest["RepoTags"] == ["registry.example/ours/controller:2"]
    assert config["Entrypoint"][-1] == "meshcore"
    assert config["User"] == "2102:2102"


def test_few_layers_are_kept(made: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "KEPT", 4)
    for name in ("agents", "controller", "demo"):
        builder.build(name, tmp_path)
    assert len(list((tmp_path / "cache").glob("*.tar"))) <= 4


def test_a_build_that_is_interrupted_leaves_no_half_of_a_layer(
    made: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = builder.build("agents", tmp_path).read_bytes()
    for kept in (tmp_path / "cache").glob("*.tar"):
        kept.unlink()

    def interrupted(_tree: Path, out: Path) -> None:
        assert out.parent == tmp_path / "cache"  # from where it gets its name at once: of the same file system
        out.write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(builder, "write_layer", interrupted)
        with pytest.raises(KeyboardInterrupt):
            builder.build("agents", tmp_path)
    assert builder.build("agents", tmp_path).read_bytes() == whole


def test_a_folder_that_is_not_there_is_one_line(
    made: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert builder.main(["agents", "--into", str(tmp_path / "away")]) == 1
    assert capsys.readouterr().err.startswith("deploy.images.build: [Errno 2] No such file or directory: ")
