"""A user's shell with a runtime folder of its own, for flows that go through the command line."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any


class Shell:
    """The command line of one user with a runtime folder of their own."""

    def __init__(self, home: Path) -> None:
        self.environment = {**os.environ, "XDG_RUNTIME_DIR": str(home), "HOME": str(home), "NO_COLOR": "1"}
        self.environment.pop("MESHTUI_MESH", None)

    def run(self, *words: str, status: int = 0) -> str:
        """Run `meshtui words…`, expect an exit status, and return stdout (stderr if it failed)."""
        done = subprocess.run(
            [sys.executable, "-m", "meshtui", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stderr if status else done.stdout

    def ask(self, *words: str) -> Any:
        return json.loads(self.run(*words, "-o", "json"))

    def deployments(self, namespace: str, window: str = "30s") -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in self.ask("stat", "deploy", "-n", namespace, "-t", window)}

    def pods(self, namespace: str) -> dict[str, dict[str, Any]]:
        return {pod["name"]: pod for pod in self.ask("pods", "-n", namespace)}


def eventually(what: Callable[[], bool], seconds: float) -> bool:
    """Ask again until it holds or the time is over; an answer that fails to come counts as no."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(AssertionError):  # the command line itself failed: asked again until the time is over
            if what():
                return True
        time.sleep(0.2)
    return False
