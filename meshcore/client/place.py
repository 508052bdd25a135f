"""Where a local mesh lives: one folder per mesh, of mode 0700, in the user's runtime folder.

The launcher claims a place and holds its lock as long as it lives; a place whose lock nobody holds is what a
killed run left behind, and the next command removes it. Clients find the place of the mesh they mean here.
"""

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import IO

from meshcore.wire.ids import is_label


class PlaceError(Exception):
    """No usable place; `str()` is one line that says what and where, `hint` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Place:
    """The runtime folder of one mesh."""

    name: str
    path: Path

    @property
    def socket(self) -> Path:
        return self.path / "control.sock"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def pid_file(self) -> Path:
        return self.path / "launcher.pid"

    @property
    def lock_file(self) -> Path:
        return self.path / "lock"

    def alive(self) -> bool:
        """Tell whether a launcher holds this place."""
        try:
            with self.lock_file.open("rb") as handle:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        return False

    def launcher_pid(self) -> int | None:
        """Return the pid of the launcher that holds this place, or None."""
        try:
            return int(self.pid_file.read_text()) if self.alive() else None
        except (FileNotFoundError, ValueError):
            return None


@dataclass(slots=True)
class Claim:
    """A place that this process holds; `release` gives it up and removes the folder."""

    place: Place
    lock: IO[bytes]

    def release(self) -> None:
        shutil.rmtree(self.place.path, ignore_errors=True)
        self.lock.close()


def root() -> Path:
    """Return the folder of all meshes of this user; raises PlaceError if it belongs to somebody else."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    path = Path(base) / "meshtui" if base else Path(f"/tmp/meshtui-{os.getuid()}")  # noqa: S108 - owner and mode are checked below
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        info = path.lstat()
    except OSError as error:
        raise PlaceError(
            f"cannot use the runtime folder {path}: {error.strerror}",
            "set XDG_RUNTIME_DIR to a folder of your own",
        ) from None
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid():
        raise PlaceError(
            f"the runtime folder {path} is not a folder of yours",
            "remove it, or set XDG_RUNTIME_DIR to a folder of your own",
        )
    if stat.S_IMODE(info.st_mode) & 0o077:
        path.chmod(0o700)
    return path


def claim(name: str) -> Claim:
    """Hold the place of a new mesh until released; raises PlaceError if a mesh of that name runs.

    What a killed run of that name left behind is removed first.
    """
    if not is_label(name):
        raise PlaceError(f"{name!r} cannot name a mesh", "use lower-case letters, digits and '-'")
    place = Place(name, root() / name)
    with _root_lock(place.path.parent):
        if place.alive():
            raise PlaceError(
                f"a mesh named {name} already runs (launcher pid {place.launcher_pid() or 'unknown'})",
                f"`meshtui ps --mesh {name}` shows it, `meshtui down --mesh {name}` ends it",
            )
        shutil.rmtree(place.path, ignore_errors=True)
        place.path.mkdir(mode=0o700)
        place.logs.mkdir(mode=0o700)
        lock = place.lock_file.open("wb")
        fcntl.flock(lock, fcntl.LOCK_EX)
        place.pid_file.write_text(f"{os.getpid()}\n")
    return Claim(place, lock)


def running() -> list[Place]:
    """Return the places of the meshes that run, by name; those that killed runs left are removed."""
    top = root()
    found = []
    with _root_lock(top):
        for path in sorted(top.iterdir()):
            place = Place(path.name, path)
            if not path.is_dir() or not place.lock_file.exists():
                continue
            if place.alive():
                found.append(place)
            else:
                shutil.rmtree(path, ignore_errors=True)
    return found


def find(name: str | None = None) -> Place:
    """Return the place of the mesh called `name`, or of the only one that runs.

    Without a name, MESHTUI_MESH is asked first. Raises PlaceError if none fits or several do.
    """
    name = name or os.environ.get("MESHTUI_MESH") or None
    places = running()
    if name is None:
        if len(places) == 1:
            return places[0]
        if not places:
            raise PlaceError(
                "no mesh runs here", "`meshtui demo` starts one to look at, `meshtui up mesh.yaml` your own"
            )
        names = ", ".join(place.name for place in places)
        raise PlaceError(f"several meshes run: {names}", "say which with --mesh NAME or MESHTUI_MESH")
    for place in places:
        if place.name == name:
            return place
    near = get_close_matches(name, [place.name for place in places], 1)
    names = ", ".join(place.name for place in places)
    what = f"did you mean {near[0]}?" if near else f"there is {names}" if places else "`meshtui up` starts one"
    raise PlaceError(f"no mesh named {name} runs here", what)


@contextmanager
def _root_lock(top: Path) -> Iterator[None]:
    """Serialise claims and clean-ups, so that nobody removes a folder that is just being claimed."""
    with (top / ".lock").open("ab") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
