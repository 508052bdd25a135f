"""One request as a ladder: client, its sidecar, the server's sidecar, server, with the time of every rung.

The inspector paints it. Only what a sidecar saw is drawn: with one side of a request, the ladder has three
stations.
"""

from typing import NamedTuple

from meshcore.wire.common_pb2 import Peer, Tls
from meshtui.columns import peers
from meshtui.columns.exchange import status
from meshtui.model import figures
from meshtui.model.canvas import Line
from meshtui.model.cell import Cell, Level
from meshtui.model.exchange import Exchange, Pair

MARGIN = 10  # cells for the time of a rung
NARROWEST = 16  # cells between two stations


class Rung(NamedTuple):
    """An arrow between two stations, when it was seen, and what went there."""

    start: int
    end: int
    at_ms: float | None
    text: str
    level: Level = Level.PLAIN


class Ladder(NamedTuple):
    """Stations from left to right, and rungs from top to bottom."""

    stations: list[str]
    rungs: list[Rung]
    guessed: bool  # the sides were matched by peers and time, not by a trace id


def ladder(pair: Pair, *, ascii: bool = False) -> Ladder:
    """Return the ladder of the sides that were seen."""
    out, inside = pair.outbound, pair.inbound
    if out is not None and inside is not None:
        return _both(out, inside, sure=pair.sure, ascii=ascii)
    one = out or inside
    if one is None:
        return Ladder([], [], False)
    client, server = _name(one.source), _name(one.destination)
    sidecar = f"{_name(one.proxy) if one.proxy.pod else (client if out else server)} sidecar"
    answer = status(one, ascii=ascii)
    first, second = (one.method, secured(one, ascii=ascii)) if out else (secured(one, ascii=ascii), one.method)
    rungs = [Rung(0, 1, 0.0, first), Rung(1, 2, 0.0, second)]
    if one.replied_after_us is not None:
        rungs.append(Rung(2, 1, one.replied_after_us / 1000, str(one.status or "")))
    if one.done:
        rungs.append(Rung(1, 0, one.latency_ms, answer.text, answer.level))
    return Ladder([client, sidecar, server], rungs, False)


def _both(out: Exchange, inside: Exchange, *, sure: bool, ascii: bool) -> Ladder:
    client, server = _name(out.source), _name(inside.destination)
    answer = status(out, ascii=ascii)
    arrived = (inside.started_us - out.started_us) / 1000
    rungs = [
        Rung(0, 1, 0.0, out.method),
        Rung(1, 2, arrived, secured(out, ascii=ascii)),
        Rung(2, 3, arrived, inside.method),
    ]
    if inside.replied_after_us is not None:
        rungs.append(Rung(3, 2, arrived + inside.replied_after_us / 1000, str(inside.status or "")))
    if out.replied_after_us is not None:
        rungs.append(Rung(2, 1, out.replied_after_us / 1000, ""))
    if out.done:
        rungs.append(Rung(1, 0, out.latency_ms, answer.text, answer.level))
    stations = [client, f"{client} sidecar", f"{server} sidecar", server]
    return Ladder(stations, rungs, not sure)


def secured(x: Exchange, *, ascii: bool) -> str:
    """Return how a hop travelled, in a word or two."""
    words = {Tls.TLS_MUTUAL: "mutual TLS", Tls.TLS_NONE: "plain text", Tls.TLS_OPAQUE: "opaque TLS"}
    sign = {Tls.TLS_MUTUAL: "" if ascii else "√ ", Tls.TLS_NONE: "! " if ascii else "‼ "}.get(x.tls, "")
    return sign + words.get(x.tls, "TLS unknown")


def drawn(found: Ladder, width: int, *, ascii: bool = False) -> list[Line]:
    """Return the ladder as lines: an arrow diagram where there is room, else a line of words per rung."""
    count = len(found.stations)
    if not count:
        return []
    gap = min(36, (width - MARGIN - 12) // (count - 1))
    if gap < NARROWEST:
        return _listed(found, ascii=ascii)
    at = [MARGIN + 6 + i * gap for i in range(count)]
    lines = [_heading(found.stations, at, gap, width)]
    lines += [_rung(each, at, ascii=ascii) for each in found.rungs]
    return lines


def _heading(stations: list[str], at: list[int], gap: int, width: int) -> Line:
    line = [" "] * width
    for name, middle in zip(stations, at, strict=True):
        text = name if len(name) < gap else name[: gap - 2] + "…"
        start = max(0, min(width - len(text), middle - len(text) // 2))
        line[start : start + len(text)] = text
    return [Cell("".join(line).rstrip(), Level.ACCENT)]


def _rung(rung: Rung, at: list[int], *, ascii: bool) -> Line:
    line, right = "|" if ascii else "│", rung.end > rung.start
    low, high = sorted((at[rung.start], at[rung.end]))
    dash, heads = ("-", "<>") if ascii else ("─", "◀▶")
    stem = "|" if ascii else ("├" if right else "┤")
    text = f" {rung.text} " if rung.text else ""
    shaft = text[: high - low - 4].center(high - low - 2, dash)
    arrow = f"{stem}{shaft}{heads[1]}{line}" if right else f"{line}{heads[0]}{shaft}{stem}"
    before = "".join(line if column in at else " " for column in range(MARGIN, low))
    after = "".join(line if column in at else " " for column in range(high + 1, max(at) + 1))
    return [
        Cell(_time(rung).rjust(MARGIN - 2) + "  ", Level.DIM),
        Cell(before, Level.DIM),
        Cell(arrow, rung.level),
        Cell(after, Level.DIM),
    ]


def _listed(found: Ladder, *, ascii: bool) -> list[Line]:
    arrow = " -> " if ascii else " → "
    return [
        [
            Cell(_time(rung).rjust(MARGIN - 2) + "  ", Level.DIM),
            Cell(found.stations[rung.start] + arrow + found.stations[rung.end]),
            Cell(f"  {rung.text}" if rung.text else "", rung.level),
        ]
        for rung in found.rungs
    ]


def _time(rung: Rung) -> str:
    if rung.at_ms is None:
        return ""
    return "0" if rung.at_ms == 0 else f"+{figures.latency(max(0.0, rung.at_ms))}"


def _name(peer: Peer) -> str:
    return peers.name(peer, pod=True)
