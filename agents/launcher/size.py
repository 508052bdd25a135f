"""Sizes as people write them: 512Ki, 64Mi, 1Gi, or a number of bytes."""

import re

_SIZE = re.compile(r"(?P<number>[0-9]{1,15})(?P<unit>[KMG]i)?")
_UNITS = {None: 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}


def size(text: str | int) -> int:
    """Return a size in bytes; raises ValueError."""
    if isinstance(text, int):
        return text
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no size")
    return int(match["number"]) * _UNITS[match["unit"]]
