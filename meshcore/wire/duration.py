"""Lengths of time as people type them: 30s, 1m, 1m30s, 500ms, 2h (Go's duration grammar, without signs)."""

import re

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
LONGEST_MS = 2**32 - 1  # what a field of the wire holds, 49 days
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")


class TooLong(ValueError):
    """A duration that no field of the wire holds."""


def milliseconds(text: str) -> int:
    """Return a duration in ms; raises ValueError for what is none, for none at all, and TooLong."""
    total, position = 0.0, 0
    while part := _PART.match(text, position):  # a search would look through a long number from each of its digits
        total += float(part[1]) * _UNITS[part[2]]
        position = part.end()
    if position != len(text) or total <= 0:
        raise ValueError(f"{text!r} is not a duration; write for example 30s, 5m or 1h30m")
    if total > LONGEST_MS:
        raise TooLong(f"{text[:40]!r} is longer than any duration here; write {LONGEST_MS // _UNITS['h']}h at most")
    return round(total)
