"""The full-screen terminal in a real one: it opens on live rows, obeys keys, and leaves nothing behind."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.shell import Shell, eventually
from tests.support.terminal import Terminal


def mesh_processes(home: Path) -> set[int]:
    """Return the processes that have the home's runtime folder in their environment, the terminal's own aside."""
    found = set()
    mark = b"XDG_RUNTIME_DIR=" + os.fsencode(home)
    for entry in Path("/proc").iterdir():
        try:
            if not entry.name.isdigit() or mark not in (entry / "environ").read_bytes().split(b"\0"):
                continue
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it ended while we looked
        if any(word in words for word in (b"meshcore", b"agents", b"meshtui")) or b"demo" in b"".join(words):
            found.add(int(entry.name))
    return found


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    shell = Shell(tmp_path)
    shell.environment.pop("NO_COLOR")
    terminal = Terminal(tmp_path, shell.environment)
    yield terminal
    terminal.close()
    assert eventually(lambda: not mesh_processes(tmp_path), 60), mesh_processes(tmp_path)


def start(terminal: Terminal) -> None:
    terminal.line(f"{sys.executable} -m meshtui demo")
    assert terminal.shows("web", "emoji", "voting", "vote-bot"), terminal.screen


def test_a_walk_through_the_screens(terminal: Terminal, tmp_path: Path) -> None:
    start(terminal)
    assert terminal.shows("100.00%"), terminal.screen
    walk = (("po", "pods", "voting-1"), ("graph", "graph", "🔒"), ("edges", "edges", "SECURED"))
    for command, crumb, word in (*walk, ("tap", "tap", "VotingService"), ("top", "top", "/api/")):
        terminal.type(":")
        terminal.line(command)
        assert terminal.shows(f"› {crumb}", word), (command, terminal.screen)
    terminal.press("?")
    assert terminal.shows("› help", "filter"), terminal.screen
    terminal.press("Escape")
    # Escape and a letter at once would be that letter with alt.
    assert eventually(lambda: "› help" not in terminal.screen, 60), terminal.screen
    terminal.press("q")
    assert eventually(lambda: terminal.screen.split()[-1:] == ["$"], 60), terminal.screen
    terminal.line("echo re''turned")
    assert terminal.shows("returned"), terminal.screen
    assert "web" not in terminal.screen.split("meshtui demo")[0]
    assert eventually(lambda: not mesh_processes(tmp_path), 60), mesh_processes(tmp_path)


def test_a_dropped_connection_leaves_nothing_behind(terminal: Terminal, tmp_path: Path) -> None:
    start(terminal)
    assert mesh_processes(tmp_path)
    terminal.close()
    assert eventually(lambda: not mesh_processes(tmp_path), 60), mesh_processes(tmp_path)


def test_a_killed_screen_leaves_nothing_behind(terminal: Terminal, tmp_path: Path) -> None:
    start(terminal)
    screens = [
        pid for pid in mesh_processes(tmp_path) if b"meshtui" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    ]
    for pid in screens:
        os.kill(pid, signal.SIGKILL)
    assert screens
    assert eventually(lambda: not mesh_processes(tmp_path), 60), mesh_processes(tmp_path)
