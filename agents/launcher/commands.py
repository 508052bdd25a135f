"""How the mesh's own programs are started, in one place: command lines and environment."""

import os
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


def environment() -> dict[str, str]:
    """Return the environment of all of these: ours, but a person's proxy is for the person's programs."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
