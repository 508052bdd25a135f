import hashlib
import json
import os
import tarfile
from pathlib import Path

from deploy.images.archive import write_image, write_layer


def tree(folder: Path) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/app").write_text("#!/bin/sh\n")
    (folder / "bin/app").chmod(0o755)
    (folder / "bin/alias").symlink_to("app")
    os.link(folder / "bin/app", folder / "bin/twin")
    return folder


def image(folder: Path) -> Path:
    write_layer(tree(folder / "tree"), folder / "layer.tar")
    write_image(folder / "image.tar", "app:1", [folder / "layer.tar"], {"Entrypoint": ["/bin/app"]})
    return folder / "image.tar"


def test_the_same_content_is_the_same_bytes(tmp_path: Path) -> None:
    one, other = image(tmp_path / "one"), image(tmp_path / "other")
    assert one.read_bytes() == other.read_bytes()


def test_its_manifest_names_the_layers_by_what_they_are(tmp_path: Path) -> None:
    with tarfile.open(image(tmp_path)) as archive:
        manifest = json.load(archive.extractfile("manifest.json"))[0]
        config = json.load(archive.extractfile(manifest["Config"]))
        digests = [hashlib.sha256(archive.extractfile(name).read()).hexdigest() for name in manifest["Layers"]]
    assert manifest["RepoTags"] == ["app:1"]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{digest}" for digest in digests]
    assert config["config"] == {"Entrypoint": ["/bin/app"]}


def test_a_layer_belongs_to_root_and_keeps_modes_and_links(tmp_path: Path) -> None:
    write_layer(tree(tmp_path / "tree"), tmp_path / "layer.tar")
    with tarfile.open(tmp_path / "layer.tar") as layer:
        entries = {entry.name: entry for entry in layer}
        assert layer.extractfile("bin/twin").read() == b"#!/bin/sh\n"
    assert list(entries) == ["bin", "bin/alias", "bin/app", "bin/twin"]
    assert {(entry.uid, entry.gid, entry.mtime) for entry in entries.values()} == {(0, 0, 0)}
    assert entries["bin/app"].mode == 0o755
    assert entries["bin/alias"].linkname == "app"


def test_whoever_builds_it_everybody_may_read_it(tmp_path: Path) -> None:
    """A umask is a person's own; containers run as somebody else."""
    layers = []
    for umask in (0o077, 0o022, 0o002):
        before = os.umask(umask)
        try:
            folder = tmp_path / f"{umask:o}"
            tree(folder)
            (folder / "tmp").mkdir()
            (folder / "tmp").chmod(0o1777)
            write_layer(folder, tmp_path / f"{umask:o}.tar")
        finally:
            os.umask(before)
        layers.append((tmp_path / f"{umask:o}.tar").read_bytes())
    assert layers[0] == layers[1] == layers[2]
    with tarfile.open(tmp_path / "77.tar") as layer:
        modes = {entry.name: entry.mode for entry in layer if not entry.issym()}
    assert modes == {"bin": 0o755, "bin/app": 0o755, "bin/twin": 0o755, "tmp": 0o1777}
