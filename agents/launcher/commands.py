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
    return environment() | {"PYTHONPATH": os.pathsep.join([*others, ours])}


def launch() -> list[str]:
    """Return the command of a launcher, as `--detach` starts one."""
    return [sys.executable, "-m", "agents", "launch"]


def environment() -> dict[str, str]:
    """Return the environment of all of these: ours, but a person's proxy is for the person's programs."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
