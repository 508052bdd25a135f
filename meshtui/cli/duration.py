"""Lengths of time on the command line."""

from meshcore.wire.duration import milliseconds
from meshtui.cli.fault import USAGE, Fault


def parse_duration(text: str, flag: str) -> int:
    """Return a duration in ms; raises Fault that names the flag."""
    try:
        return milliseconds(text)
    except ValueError:
        raise Fault(f"{flag} {text!r} is not a duration", "write for example 30s, 5m or 1h30m", status=USAGE) from None
