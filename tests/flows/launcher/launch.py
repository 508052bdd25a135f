"""The launcher as a person uses it: started as a process, looked at by `ps`, and its processes counted in /proc."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FAKES = Path(__file__).with_name("fakes.py")


class Launch:
    """One user's runtime folder, and launchers that use it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {**os.environ, "XDG_RUNTIME_DIR": str(home)}
        self.started: list[subprocess.Popen[str]] = []

    def file(self, text: str) -> Path:
        path = self.home / "mesh.yaml"
        path.write_text(text)
        return path

    def start(self, *words: str | Path, **more: Any) -> "subprocess.Popen[str]":
        """Start a launcher in the foreground."""
        popen = subprocess.Popen(
            [sys.executable, FAKES, "launch", *words],
            env=self.environment,
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            **more,
        )
        self.started.append(popen)
        return popen

    def run(self, *words: str | Path, **more: Any) -> "subprocess.CompletedProcess[str]":
        """Run a verb to its end."""
        return subprocess.run(
            [sys.executable, FAKES, "launch", *words],
            env=self.environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
            **more,
        )

    def ps(self) -> dict[str, Any]:
        """Return instances by pod."""
        result = self.run("ps", "-o", "json")
        document = json.loads(result.stdout) if result.returncode == 0 else {"instances": [], "control": None}
        return {each["pod"]: each for each in (*document["instances"], document["control"]) if each}

    def states(self) -> dict[str, Any]:
        """Return the same from the launchers' own files: cheaper to ask again and again."""
        found: dict[str, Any] = {}
        for path in self.home.glob("meshtui/*/launcher*.json"):
            try:
                document = json.loads(path.read_bytes())
            except FileNotFoundError:
                continue
            found |= {each["pod"]: each for each in (*document["instances"], document["control"]) if each}
        return found

    def ready(self, *pods: str) -> dict[str, Any]:
        """Wait until pods are ready; return all of them."""
        found: dict[str, Any] = {}

        def look() -> bool:
            found.clear()
            found.update(self.states())
            return all(found.get(pod, {}).get("ready") for pod in pods)

        eventually(look, f"{pods} ready")
        return found

    def processes(self) -> dict[int, str]:
        """Return every process that was started with this runtime folder, launchers of the test aside."""
        mark = f"XDG_RUNTIME_DIR={self.home}\0".encode()
        found = {}
        for path in Path("/proc").iterdir():
            if path.name.isdigit():
                try:
                    if mark in (path / "environ").read_bytes() + b"\0":
                        found[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                except OSError:
                    continue
        return found

    def nothing_left(self) -> None:
        eventually(lambda: not self.processes(), "no process is left")

    def clear(self) -> None:
        for popen in self.started:
            if popen.poll() is None:
                popen.kill()
            popen.communicate()
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def eventually(condition: Callable[[], bool], what: str, limit: float = 60.0) -> None:
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, f"not within {limit:g} s: {what}"
        time.sleep(0.1)
