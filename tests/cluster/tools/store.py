"""Where what was built is kept: in the cache, a folder for each state of its sources, whole or not there.

The build writes it, the tiers read it. Go's own caches stay where Go keeps them.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
HOME = Path.home() / ".cache/meshtui/kube"
KEPT = 3  # states of one kind: a machine with some worktrees has some


@dataclass(frozen=True)
class Store:
    """One kind of thing that is built, and every file that the result depends on."""

    kind: str
    sources: Sequence[Path]

    @property
    def folder(self) -> Path:
        """The folder of the present sources; it exists once they are built."""
        digest = hashlib.sha256()
        for path in sorted(self.sources):
            digest.update(f"{path.relative_to(ROOT)} {path.stat().st_size}\n".encode())
            digest.update(path.read_bytes())
        return HOME / self.kind / digest.hexdigest()[:12]

    @contextmanager
    def building(self) -> Iterator[Path | None]:
        """Give the folder to build into, or None if all is there; one builds at a time, the others wait for it."""
        final = self.folder
        final.parent.mkdir(parents=True, exist_ok=True)
        with final.with_name("lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if final.is_dir():
                os.utime(final)
                yield None
                return
            partial = final.with_name(f"{final.name}.partial")
            if partial.exists():  # of a build that was killed: its lock is gone
                shutil.rmtree(partial)
            partial.mkdir()
            try:
                yield partial
                partial.rename(final)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
            self._forget(final)

    def _forget(self, final: Path) -> None:
        states = sorted(
            (path for path in final.parent.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime
        )
        for path in [path for path in states if path != final][: -(KEPT - 1)]:
            shutil.rmtree(path)


_GO = [path for path in HERE.rglob("*") if path.suffix == ".go" or path.name in {"go.mod", "go.sum"}]
_IMAGES = [ROOT / "deploy/images" / name for name in ("archive.py", "debian.py")]
PROGRAMS = Store("programs", [*_GO, HERE / "programs.py"])
IMAGES = Store("images", [*_IMAGES, *_GO, HERE / "programs.py", HERE / "images.py"])  # pause is one of the programs
