"""An image as a file: layers from folders, and the docker-archive that `ctr images import` and `docker load` take.

No registry and no daemon, and the same bytes for the same content: names in order, no times, everything owned by root.
Called by build.py beside it and by the test clusters; what goes into a layer is decided elsewhere.
"""

import hashlib
import io
import json
import os
import platform
import stat
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
CHUNK = 1 << 20


def write_layer(tree: Path, out: Path) -> None:
    """Write a folder as one layer."""
    with tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as layer:
        for path in sorted(tree.rglob("*")):
            entry = layer.gettarinfo(path, str(path.relative_to(tree)))
            if entry is None:  # a socket: nothing that an image could hold
                continue
            if entry.islnk():  # the second name of a file is a file of its own here
                entry.type, entry.linkname, entry.size = tarfile.REGTYPE, "", path.stat().st_size
            entry.mode = _mode(entry.mode)
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, 0, "", ""
            if entry.isreg():
                with path.open("rb") as file:
                    layer.addfile(entry, file)
            else:
                layer.addfile(entry)


def _mode(mode: int) -> int:
    """Return who may do what with a file, whatever umask it was made under: it belongs to root, and others run it."""
    if mode & stat.S_ISVTX:
        return mode
    seen = mode & 0o500
    return mode & ~0o022 | seen >> 3 | seen >> 6


def write_image(out: Path, name: str, layers: Sequence[Path], config: Mapping[str, Any]) -> None:
    """Write an image of one name; whoever reads the file sees all of it or the one before."""
    digests = [_digest(layer) for layer in layers]
    about = json.dumps(
        {
            "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
        },
        sort_keys=True,
    ).encode()
    names = [f"{digest}.tar" for digest in digests]
    manifest = [{"Config": f"{hashlib.sha256(about).hexdigest()}.json", "RepoTags": [name], "Layers": names}]
    partial = out.with_name(f"{out.name}.{os.getpid()}")
    with tarfile.open(partial, "w") as archive:
        for layer, each in zip(layers, names, strict=True):
            with layer.open("rb") as file:
                _add(archive, each, file, layer.stat().st_size)
        _add(archive, str(manifest[0]["Config"]), io.BytesIO(about), len(about))
        listed = json.dumps(manifest).encode()
        _add(archive, "manifest.json", io.BytesIO(listed), len(listed))
    partial.rename(out)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _add(archive: tarfile.TarFile, name: str, file: BinaryIO, size: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = size
    archive.addfile(entry, file)
