"""Lengths of time as people type them: 30s, 1m, 1m30s, 500ms, 2h (Go's duration grammar, without signs)."""

import re

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_LONGEST = 2**63 / 1_000_000  # as Go has it: what has more nanoseconds than an int64 holds is none
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")


def milliseconds(text: str) -> int:
    """Return a duration in ms; raises ValueError for what is none, and for none at all."""
    total, position = 0.0, 0
    while part := _PART.match(text, position):  # a search would look through a long number from each of its digits
        total += float(part[1]) * _UNITS[part[2]]
        position = part.end()
    if position != len(text) or not 0 < total < _LONGEST:
        raise ValueError(f"{text!r} is not a duration; write for example 30s, 5m or 1h30m")
    return round(total)
