"""Images as files, without a daemon and without a registry: `python3 -m deploy.images.build agents controller`.

Follows the Containerfiles beside it and writes NAME.tar for `ctr images import` or `docker load`. Layers of packages
are kept in a cache, for they change seldom; the project's is made each time.
"""

import argparse
import fcntl
import hashlib
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.images.archive import write_image, write_layer
from deploy.images.containerfile import ContainerfileError, Layer, parse
from deploy.images.debian import DebianError
from deploy.images.layer import LAYERS, LayerError

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = Path.home() / ".cache/meshtui/layers"
KEPT = 12  # layers: two kinds for each of three images, twice
PREFIX = "meshtui/"
RECIPES = ("archive.py", "debian.py", "layer.py")


def build(name: str, into: Path, prefix: str = PREFIX, tag: str | None = None) -> Path:
    """Write an image of a Containerfile and return its path."""
    recipe = parse((HERE / f"{name}.Containerfile").read_text())
    out = into / f"{name}.tar"
    with tempfile.TemporaryDirectory() as temporary, _cache() as cache:
        layers = [_made(layer, Path(temporary), cache) for layer in recipe.layers]
        write_image(out, f"{prefix}{name}:{tag or version()}", layers, recipe.config)
        _forget(cache, layers)
    return out


def version() -> str:
    """Return the project's version, which is the images' tag."""
    found = re.search(r'^version = "([^"]+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert found is not None, "pyproject.toml has no version"
    return found[1]


def _made(layer: Layer, temporary: Path, cache: Path) -> Path:
    """Return a layer as a tar, from the cache if its packages are the same."""
    kept = layer.kind != "project"
    place = cache if kept else temporary
    out = place / f"{layer.kind}-{_key(layer)}.tar"
    if out.exists():
        out.touch()
        return out
    tree, partial = temporary / layer.kind, place / f"{layer.kind}.part"
    LAYERS[layer.kind](tree, layer.words)
    write_layer(tree, partial)
    shutil.rmtree(tree)
    return partial.rename(out)  # who is interrupted leaves no half of a layer to be taken for one


def _key(layer: Layer) -> str:
    digest = hashlib.sha256(json.dumps([layer.kind, layer.words]).encode())
    for path in (*(HERE / name for name in RECIPES), ROOT / "constraints.txt"):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@contextmanager
def _cache() -> Iterator[Path]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield CACHE


def _forget(cache: Path, layers: Sequence[Path]) -> None:
    old = sorted(set(cache.glob("*.tar")) - set(layers), key=lambda path: path.stat().st_mtime)
    for path in old[: -(KEPT - len(layers))]:
        path.unlink()


def main(argv: Sequence[str] | None = None) -> int:
    """Build the images that the arguments name; returns the exit status."""
    names = sorted(path.stem for path in HERE.glob("*.Containerfile"))
    parser = argparse.ArgumentParser(prog="python3 -m deploy.images.build", description=__doc__)
    parser.add_argument("images", nargs="+", choices=names, metavar="|".join(names))
    parser.add_argument("--into", type=Path, default=Path(), metavar="FOLDER", help="where the files are written")
    parser.add_argument("--image-prefix", default=PREFIX, help=f"before their names (default: {PREFIX})")
    parser.add_argument("--tag", help="after their names (default: the project's version)")
    options = parser.parse_args(argv)
    try:
        for name in options.images:
            path = build(name, options.into, options.image_prefix, options.tag)
            print(f"{path}  {path.stat().st_size / 1e6:.0f} MB")
    except (ContainerfileError, DebianError, LayerError, OSError) as error:
        print(f"deploy.images.build: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
