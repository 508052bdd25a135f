"""Lengths of time as people type them: 30s, 1m, 1m30s, 500ms, 2h (Go's duration grammar)."""

import re

from meshtui.cli.fault import USAGE, Fault

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")


def parse_duration(text: str, flag: str) -> int:
    """Return a duration in ms; raises Fault that names the flag."""
    total, position = 0.0, 0
    for part in _PART.finditer(text):
        if part.start() != position:
            break
        total += float(part[1]) * _UNITS[part[2]]
        position = part.end()
    if position != len(text) or total <= 0:
        raise Fault(f"{flag} {text!r} is not a duration", "write for example 30s, 5m or 1h30m", status=USAGE)
    return round(total)
