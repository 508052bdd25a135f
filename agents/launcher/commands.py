"""How the mesh's own programs are started, in one place: command lines and environment."""

import os
import sys
from pathlib import Path

import agents
from meshcore.client.place import Place


def control(place: Place, trust_domain: str, config: Path) -> list[str]:
    """Return the command of the control plane."""
    command = [sys.executable, "-m", "meshcore", "--mesh", place.name, "--dir", str(place.path)]
    return [*command, "--trust-domain", trust_domain, "--config", str(config)]


def sidecar() -> list[str]:
    """Return the command of a sidecar; its configuration comes on stdin.

    What others have put into site-packages to be run at every start (-S: *.pth), and what lies in the folder that it is
    started in (-P), is not the sidecar's: it would cost each of them memory, or more.
    """
    return [sys.executable, "-S", "-P", "-m", "agents", "sidecar", "--config", "-"]


def sidecar_environment() -> dict[str, str]:
    """Return the environment of a sidecar: it finds the packages that we have found, where we did."""
    ours = str(Path(agents.__path__[0]).parent)
    others = (folder for folder in sys.path if Path(folder).is_absolute() and folder not in {str(Path.cwd()), ours})
    return environment() | {"PYTHONPATH": os.pathsep.join([*others, ours])} | _stripped()


def _stripped() -> dict[str, str]:
    """Return what lets a sidecar leave out texts that nobody reads there (`make bench`: PRIVATE).

    Bytecode of that kind lies beside no module, so it is kept in the person's own cache. Where nothing may be written,
    every start would have to compile everything: there sidecars are like other programs.
    """
    if sys.dont_write_bytecode:
        return {}
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        folder = (Path(base) if base.startswith("/") else Path.home() / ".cache") / "meshtui" / "bytecode"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # no home, or nobody's
        return {}
    info = folder.stat()
    if info.st_uid != os.getuid() or info.st_mode & 0o022 or not os.access(folder, os.W_OK):
        return {}  # what is read from there is run: nobody else may have put it there
    return {"PYTHONOPTIMIZE": "2", "PYTHONPYCACHEPREFIX": str(folder)}


def launch() -> list[str]:
    """Return the command of a launcher, as `--detach` starts one."""
    return [sys.executable, "-m", "agents", "launch"]


def environment() -> dict[str, str]:
    """Return the environment of all of these: ours, but a person's proxy is for the person's programs."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
