"""A real terminal for flows: tmux with a server, a size and a shell of its own."""

import os
import subprocess
import time
from pathlib import Path

from tests.support.tools import need


class Terminal:
    """One tmux session; `screen` is what a person would see in it."""

    def __init__(self, folder: Path, environment: dict[str, str], *, columns: int = 120, lines: int = 40) -> None:
        self._tmux = [need("tmux", "tmux"), "-S", str(folder / "tmux.sock"), "-f", os.devnull]
        self._environment = {**environment, "TERM": "screen-256color", "SHELL": "/bin/sh", "ENV": "", "PS1": "$ "}
        self.call("new-session", "-d", "-s", "flow", "-x", str(columns), "-y", str(lines), "/bin/sh")

    def call(self, *words: str) -> str:
        done = subprocess.run(
            [*self._tmux, *words], env=self._environment, capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout

    def type(self, text: str) -> None:
        """Type letters as they are."""
        self.call("send-keys", "-t", "flow", "-l", text)

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names: Enter, Escape, C-c …"""
        self.call("send-keys", "-t", "flow", *keys)

    def line(self, text: str) -> None:
        self.type(text)
        self.press("Enter")

    @property
    def screen(self) -> str:
        return self.call("capture-pane", "-p", "-t", "flow")

    def shows(self, *words: str, within: float = 60.0) -> bool:
        """Tell whether all words are on the screen together before the time is over."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            screen = self.screen
            if all(word in screen for word in words):
                return True
            time.sleep(0.1)
        return False

    def close(self) -> None:
        """End the terminal as a dropped connection does: everything in it gets SIGHUP."""
        self.call("kill-server")
