"""Ports as flags and annotations write them: `25,6379,9000-9010`.

Both the redirect, which skips them, and the sidecar, which says so to discovery, read them here.
"""

Ports = tuple[int, int]  # first and last


def parse_ports(text: str) -> tuple[Ports, ...]:
    """Return the ports of `25,6379,9000-9010`; raises ValueError that names the bad part."""
    found = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        first, dash, last = part.partition("-")
        if not first.isascii() or not first.isdigit() or (dash and not (last.isascii() and last.isdigit())):
            raise ValueError(f"{part!r} is neither a port nor a range such as 9000-9010")
        low, high = int(first), int(last) if dash else int(first)
        if not 1 <= low <= high <= 65535:
            raise ValueError(f"{part!r} is outside 1 to 65535, or ends before it begins")
        found.append((low, high))
    return tuple(found)
