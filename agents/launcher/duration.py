"""Lengths of time as people write them: 30s, 500ms, 2m, or a number of seconds."""

import re

_DURATION = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)(?P<unit>ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(text: str | float) -> float:
    """Return a length of time in seconds; raises ValueError."""
    if isinstance(text, int | float):
        return float(text)
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no length of time")
    return float(match["number"]) * _UNITS[match["unit"]]
