"""What `up` and `run` say while they run: one line per change, and a summary once all have settled.

Written to a stream that may go away (a closed terminal, a pipe): nobody reading is no reason to fail.
"""

import time
from collections.abc import Sequence
from typing import TextIO

from agents.launcher.state import FAILING, PENDING, STOPPING, SUCCEEDED, State

SHOWN = 5  # of an instance's last lines, where several instances are shown
Seen = tuple[str, bool, int, int, str, bool]


class Announcer:
    """Says what changed since it last looked."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._seen: dict[tuple[str, str], Seen] = {}

    def say(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._stream = None

    def look(self, states: Sequence[State]) -> None:
        """Say what is new about each."""
        width = max((len(_label(state)) for state in states), default=0)
        for state in states:
            now = (state.phase, state.ready, state.restarts, state.proxy_restarts, state.message, bool(state.pid))
            key = (state.namespace, state.pod)
            before = self._seen.get(key, (PENDING, False, 0, 0, "", False))
            if now == before:
                continue
            self._seen[key] = now
            if state.phase == FAILING == before[0] and state.message == before[4] and (state.pid or not before[5]):
                continue  # it is tried again, and nothing has come of it yet
            word, detail = _words(state)
            if not word:
                continue
            self.say(f"{time.strftime('%H:%M:%S')}  {_label(state):<{width}}  {word:<8}  {detail}".rstrip())
            if state.phase == FAILING:
                for line in state.last_lines:
                    self.say(f"{'':10}{'':{width}}  | {line}")


def summary(name: str, states: Sequence[State], took: float) -> list[str]:
    """Return what to say once all have settled, or enough time has passed."""
    ready = sum(state.ready or state.phase == SUCCEEDED for state in states)
    lines = [f"mesh {name} is up: {ready} of {len(states)} ready after {took:.1f} s"]
    for state in states:
        if state.phase == FAILING:
            lines.append(f"  × {_label(state)}: {state.message}")
            lines.extend(f"      | {line}" for line in state.last_lines[-SHOWN:])
        elif not state.settled:
            lines.append(f"  ‼ {_label(state)}: {state.message or 'is still starting'}")
    return lines


def pages(states: Sequence[State]) -> list[str]:
    """Return the addresses at which a browser finds the HTTP ports, through the mesh."""
    return [
        f"{state.pod}: http://{port.entry}/"
        for state in states
        for port in state.ports
        if port.name == "http" and state.ready
    ]


def _label(state: State) -> str:
    return f"{state.namespace}/{state.pod}"


def _words(state: State) -> tuple[str, str]:
    if state.phase == STOPPING:
        return "", ""
    if state.phase in (FAILING, SUCCEEDED):
        return state.phase.lower(), state.message
    if state.ready and not state.message:
        sidecar = f", sidecar {state.proxy_pid}" if state.proxy_pid else ""
        # Who calls the program's own port passes the mesh by, and is not seen.
        ports = "".join(f", {port.name} through the mesh: {port.entry}" for port in state.ports if port.mesh)
        return "ready", f"pid {state.pid}{sidecar}{ports}"
    return ("waiting", state.message) if state.message else ("", "")
