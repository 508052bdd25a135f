"""Columns and JSON of top: the busiest paths or routes, as `linkerd viz top` names them."""

from collections.abc import Callable
from typing import Any

from meshcore.wire.tap_pb2 import TopRow
from meshtui.columns import peers
from meshtui.model import figures
from meshtui.model.cell import Cell, Column


def columns(*, routes: bool = False, sources: bool = True) -> list[Column[TopRow]]:
    """Return the columns, grouped by route or by method and path; `sources` tells who sent."""
    found: list[Column[TopRow]] = []
    if sources:
        found.append(_text("source", "SOURCE", lambda row: peers.name(row.source, pod=True), hotkey="O"))
    found.append(_text("destination", "DESTINATION", lambda row: peers.name(row.destination, pod=True), hotkey="D"))
    if routes:
        found.append(_text("route", "ROUTE", lambda row: row.route or "[DEFAULT]", hotkey="U"))
    else:
        found += [
            _text("method", "METHOD", lambda row: row.method, hotkey="M"),
            _text("path", "PATH", lambda row: row.path, hotkey="H"),
        ]
    return [
        *found,
        _figure("count", "COUNT", lambda row: row.count, str, hotkey="C"),
        _figure("rps", "RPS", lambda row: row.rps, figures.rate, hotkey="R"),
        _figure("best", "BEST", lambda row: row.best_ms, figures.latency, hotkey="B"),
        _figure("worst", "WORST", lambda row: row.worst_ms, figures.latency, hotkey="W"),
        _figure("p95", "P95", lambda row: row.p95_ms, figures.latency, hotkey="P"),
        _figure("last", "LAST", lambda row: row.last_ms, figures.latency, hotkey="L"),
        Column(
            "success", "SUCCESS", _success, lambda row: row.success / (row.count or 1), "right", width=9, hotkey="S"
        ),
    ]


def record(row: TopRow) -> dict[str, Any]:
    """Return a row for JSON."""
    return {
        "source": peers.record(row.source),
        "destination": peers.record(row.destination),
        "direction": peers.DIRECTIONS.get(row.direction, "UNKNOWN"),
        "method": row.method,
        "path": row.path,
        "route": row.route or None,
        "count": row.count,
        "rps": figures.number(row.rps),
        "best_ms": figures.number(row.best_ms),
        "worst_ms": figures.number(row.worst_ms),
        "p95_ms": figures.number(row.p95_ms),
        "last_ms": figures.number(row.last_ms),
        "success": figures.number(figures.share(row.success, row.count - row.success)),
    }


def _text(key: str, title: str, get: Callable[[TopRow], str], *, hotkey: str) -> Column[TopRow]:
    return Column(key, title, lambda row: Cell(get(row)), get, hotkey=hotkey)


def _figure(
    key: str, title: str, get: Callable[[TopRow], float], write: Callable[[Any], str], *, hotkey: str
) -> Column[TopRow]:
    return Column(key, title, lambda row: Cell(write(get(row))), get, "right", 5, False, hotkey, descending=True)


def _success(row: TopRow) -> Cell:
    return figures.success(row.success, row.count - row.success)
