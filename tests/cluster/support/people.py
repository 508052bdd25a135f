"""People at a terminal: the command line with nothing but a kubeconfig, as whoever that makes them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.cluster.support.mesh import module


def meshtui(*words: str, kubeconfig: Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user, to its end."""
    return _run([sys.executable, "-m", "meshtui", *words], kubeconfig, stdin)


def meshtui_as(speaks: tuple[int, int], *words: str, kubeconfig: Path) -> subprocess.CompletedProcess[str]:
    """Run it as another version's would be; see versions.py."""
    return _run([*module("meshtui", speaks), *words], kubeconfig, None)


def _run(command: list[str], kubeconfig: Path, stdin: str | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def asked(*words: str, kubeconfig: Path) -> Any:
    """Return what a command answers; it has to."""
    done = meshtui(*words, "-o", "json", kubeconfig=kubeconfig)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
