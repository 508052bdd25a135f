"""Lengths of time on the command line."""

from meshcore.wire.duration import milliseconds
from meshtui.cli.fault import USAGE, Fault


def parse_duration(text: str, flag: str) -> int:
    """Return a duration in ms; raises Fault that names the flag."""
    try:
        return milliseconds(text)
    except ValueError as error:
        what, _, fix = str(error).rpartition("; ")
        raise Fault(f"{flag} {what}", fix, status=USAGE) from None
