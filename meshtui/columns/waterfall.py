"""The requests of one trace below each other, each with a bar for its time: who waited for whom, and what failed.

The inspector paints it for a request whose trace has more than one hop in the tap.
"""

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from meshcore.wire.common_pb2 import Peer
from meshtui.columns import peers
from meshtui.columns.exchange import status
from meshtui.model import figures
from meshtui.model.canvas import Line
from meshtui.model.cell import Cell, Level
from meshtui.model.exchange import Exchange

_STATUS, _LATENCY = 14, 8
_LEAST = 12  # cells of a bar below which there is none


def waterfall(trace: Sequence[Exchange], one: Exchange, width: int, *, ascii: bool = False) -> list[Line]:
    """Return a line per request; `one` is the request that is being looked at."""
    if not trace:
        return []
    depths = _depths(trace)
    names = [_name(x, depth, ascii=ascii) for x, depth in zip(trace, depths, strict=True)]
    room = width - 2 - _STATUS - _LATENCY - 2
    bar = room // 3 if room // 3 >= _LEAST else 0
    wide = min(max(cell_len(name) for name in names) + 2, max(16, room - bar))
    bar = room - wide if bar else 0
    begin = trace[0].started_us
    whole = max(1, max(_end(x) for x in trace) - begin)
    lines: list[Line] = []
    for x, name in zip(trace, names, strict=True):
        here = x.id == one.id
        came = status(x, ascii=ascii)
        took = figures.latency(x.latency_ms) if x.latency_ms is not None else "…" if not ascii else "~"
        lines.append(
            [
                Cell((">" if ascii else "▌") + " " if here else "  ", Level.ACCENT),
                Cell(_fit(name, wide, ascii=ascii), Level.ACCENT if here else Level.PLAIN),
                Cell(_fit(came.text, _STATUS, ascii=ascii), came.level),
                Cell(took.rjust(_LATENCY) + "  "),
                *_bar(x.started_us - begin, _end(x) - begin, whole, bar, came.level, ascii=ascii),
            ]
        )
    return lines


def _depths(trace: Sequence[Exchange]) -> list[int]:
    """Return how deep each request stands: below the one that its caller was answering at the time."""
    depths: list[int] = []
    for i, x in enumerate(trace):
        above = [
            depths[j] + 1
            for j, other in enumerate(trace[:i])
            if _same(other.destination, x.source) and other.started_us <= x.started_us <= _end(other)
        ]
        depths.append(max(above, default=0))
    return depths


def _same(a: Peer, b: Peer) -> bool:
    return bool(a.name) and (a.namespace, a.name) == (b.namespace, b.name)


def _end(x: Exchange) -> int:
    return x.started_us + round((x.latency_ms or 0.0) * 1000)


def _name(x: Exchange, depth: int, *, ascii: bool) -> str:
    arrow = "->" if ascii else "→"
    path = x.path.rsplit("/", 1)[-1] if x.grpc_status is not None else x.path  # a gRPC path ends in its method
    return f"{'  ' * depth}{peers.name(x.source)} {arrow} {peers.name(x.destination)}  {x.method} {path}"


def _fit(text: str, width: int, *, ascii: bool) -> str:
    if cell_len(text) <= width - 1:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 2) + ("~ " if ascii else "… ")


def _bar(start: int, end: int, whole: int, width: int, level: Level, *, ascii: bool) -> Line:
    if not width:
        return []
    first = min(width - 1, start * width // whole)
    length = max(1, min(width - first, round((end - start) * width / whole)))
    colour = level if level in (Level.BAD, Level.WARN) else Level.ACCENT
    return [Cell(" " * first), Cell(("=" if ascii else "━") * length, colour)]
