"""The command lines of the mesh's own programs, in one place: nothing else here knows how they are started."""

import sys
from pathlib import Path

from meshcore.client.place import Place


def control(place: Place, trust_domain: str, config: Path) -> list[str]:
    """Return the command of the control plane."""
    command = [sys.executable, "-m", "meshcore", "--mesh", place.name, "--dir", str(place.path)]
    return [*command, "--trust-domain", trust_domain, "--config", str(config)]


def sidecar() -> list[str]:
    """Return the command of a sidecar; its configuration comes on stdin."""
    return [sys.executable, "-m", "agents", "sidecar", "--config", "-"]


def launch() -> list[str]:
    """Return the command of a launcher, as `--detach` starts one."""
    return [sys.executable, "-m", "agents", "launch"]
