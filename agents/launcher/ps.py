"""`ps`: what runs in a mesh, from its launchers' own state files, so that it works without the control plane."""

import sys
import time
from collections.abc import Sequence
from difflib import get_close_matches

import msgspec
import yaml

from agents.launcher.address import HOST
from agents.launcher.announce import SHOWN
from agents.launcher.state import FAILING, LauncherState, PortState, State, load
from meshcore.client.place import PlaceError, find


def ps(mesh: str | None, output: str, namespace: str = "") -> int:
    """Print the instances of a mesh, of one namespace if named; return the exit status."""
    try:
        place = find(mesh)
    except PlaceError as error:
        sys.stderr.write(f"{error}; {error.hint}\n")
        return 1
    launchers = load(place)
    known = sorted({state.namespace for launcher in launchers for state in launcher.instances})
    if namespace and namespace not in known:
        near = get_close_matches(namespace, known, 1)
        fix = f"did you mean {near[0]}?" if near else f"there is {', '.join(known) or 'none'}"
        sys.stderr.write(f"unknown namespace {namespace!r}; {fix}\n")
        return 2
    for launcher in launchers:
        launcher.instances = [state for state in launcher.instances if namespace in ("", state.namespace)]
    if output == "json":
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(_document(place.name, launchers))).decode() + "\n")
        return 0
    if output == "yaml":
        yaml.safe_dump(msgspec.to_builtins(_document(place.name, launchers)), sys.stdout, sort_keys=False)
        return 0
    control = [launcher.control for launcher in launchers if launcher.control is not None]
    states = sorted(
        (state for launcher in launchers for state in launcher.instances),
        key=lambda state: (state.namespace, state.pod),
    )
    now_ms = time.time_ns() // 1_000_000
    for line in table([*control, *states], now_ms, wide=output == "wide"):
        sys.stdout.write(line + "\n")
    return 0


def table(states: Sequence[State], now_ms: int, *, wide: bool) -> list[str]:
    """Return the lines of the table; what is wrong with an instance stands below it."""
    head = ["NAMESPACE", "POD", "READY", "STATUS", "RESTARTS", "MESHED", "PID", "AGE", "ADDRESS"]
    if wide:
        head += ["PORTS", "SIDECAR", "ADMIN", "COMMAND"]
    rows = [_row(state, now_ms, wide=wide) for state in states]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(head, widths, strict=True)).rstrip()]
    for state, row in zip(states, rows, strict=True):
        lines.append("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
        if state.message:
            lines.append(f"  └ {state.message}")
        if state.phase == FAILING:
            lines.extend(f"    | {line}" for line in state.last_lines[-SHOWN:])
    return lines


def age(seconds: float) -> str:
    """Return a length of time as kubectl writes it: 12s, 5m12s, 3h4m, 2d5h."""
    whole = max(0, int(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return f"{minutes}m{whole % 60}s"
    if hours < 3:
        return f"{minutes}m"
    if hours < 48:
        return f"{hours}h"
    return f"{days}d"


def _row(state: State, now_ms: int, *, wide: bool) -> list[str]:
    restarts = str(state.restarts) + (f" +{state.proxy_restarts}" if state.proxy_restarts else "")
    row = [
        state.namespace,
        state.pod,
        "yes" if state.ready else "no",
        state.phase,
        restarts,
        "yes" if state.meshed else "-" if state.pod == "control-plane" else "no",
        str(state.pid or "-"),
        age((now_ms - state.started_ms) / 1000) if state.started_ms and state.pid else "-",
        ",".join(port.entry for port in state.ports) or "-",
    ]
    if wide:
        row += [
            ",".join(f"{port.name}:{_own(port)}" for port in state.ports) or "-",
            str(state.proxy_pid or "-"),
            f"127.0.0.1:{state.admin}" if state.admin else "-",
            " ".join(state.command.split()) or "-",
        ]
    return row


def _own(port: PortState) -> str:
    return str(port.port) if port.host == HOST else port.address


def _document(mesh: str, launchers: Sequence[LauncherState]) -> dict[str, object]:
    return {
        "mesh": mesh,
        "control": next((launcher.control for launcher in launchers if launcher.control is not None), None),
        "launchers": [{"pid": each.pid, "file": each.file, "startedMs": each.started_ms} for each in launchers],
        "instances": [state for launcher in launchers for state in launcher.instances],
    }
