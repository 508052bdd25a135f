"""Why somebody who waits for requests sees none: connections that carry bytes, and no HTTP.

The tap screen and `meshtui tap` ask for figures while they have nothing to show. Pure.
"""

from collections.abc import Collection

from meshcore.wire.stats_pb2 import StatRow
from meshtui.model import figures

NAMED = 3


def opaque(rows: Collection[StatRow]) -> str:
    """Say what rows without a single HTTP request carry; empty if that would explain nothing."""
    found = [row for row in rows if row.tcp.read_bps + row.tcp.write_bps > 0]
    if not found or any(row.HasField("http") for row in rows):
        return ""
    names = [f"{row.resource.kind}/{row.resource.name}" for row in found]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    count = sum(row.tcp.open for row in found)
    read = figures.size(sum(row.tcp.read_bps for row in found))
    written = figures.size(sum(row.tcp.write_bps for row in found))
    return (
        f"no HTTP reaches {', '.join(names[:NAMED])}{more}, but bytes: {read}/s read and {written}/s written"
        f" lately, {count} connection{'' if count == 1 else 's'} open"
    )
