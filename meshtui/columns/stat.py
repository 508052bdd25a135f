"""Columns and JSON of the stat table: golden metrics of namespaces, workloads, pods and services.

Column names and JSON fields are those of `linkerd viz stat` where it has them.
"""

import math
from collections.abc import Callable
from typing import Any

from meshcore.wire.common_pb2 import Class
from meshcore.wire.stats_pb2 import HttpStats, StatResponse, StatRow
from meshtui.model import figures
from meshtui.model.cell import NOTHING, Cell, Column, Level

CLASSES = {Class.SUCCESS: "success", Class.FAILURE: "failure"}


def columns(kind: str, *, namespaced: bool = False, routes: bool = False) -> list[Column[StatRow]]:
    """Return the columns for a canonical kind; `namespaced` puts the namespace first."""
    found: list[Column[StatRow]] = []
    if namespaced and kind != "namespace":
        found.append(_text("namespace", "NAMESPACE", lambda row: row.resource.namespace, hotkey="K"))
    found.append(_text("name", "NAME", lambda row: row.resource.name, width=12, hotkey="N"))
    if routes:
        found.append(_text("route", "ROUTE", lambda row: row.route or "[DEFAULT]", hotkey="O"))
    if kind == "pod":
        found.append(Column("status", "STATUS", _status, lambda row: row.status, hotkey="U"))
    return [
        *found,
        Column("meshed", "MESHED", _meshed, lambda row: row.meshed / (row.running or 1), "right", hotkey="M"),
        Column("success", "SUCCESS", _success, _success_value, "right", width=9, hotkey="S"),
        _figure("rps", "RPS", lambda http: http.rps, figures.rate, width=6, hotkey="R"),
        _figure("p50", "LATENCY_P50", lambda http: http.p50_ms, figures.latency, hotkey="F"),
        _figure("p95", "LATENCY_P95", lambda http: http.p95_ms, figures.latency, hotkey="I"),
        _figure("p99", "LATENCY_P99", lambda http: http.p99_ms, figures.latency, hotkey="L"),
        Column("tcp", "TCP_CONN", _tcp, lambda row: row.tcp.open, "right", hotkey="T", descending=True),
        _traffic("read", "READ_BYTES/SEC", lambda row: row.tcp.read_bps),
        _traffic("write", "WRITE_BYTES/SEC", lambda row: row.tcp.write_bps),
        _figure("samples", "SAMPLES", lambda http: float(http.samples), "{:.0f}".format, wide=True),
    ]


def record(row: StatRow, answer: StatResponse) -> dict[str, Any]:
    """Return a row for JSON: Linkerd's fields (null: no data), then the exact counts behind them."""
    http, tcp = row.HasField("http"), row.HasField("tcp")
    return {
        "namespace": row.resource.namespace or row.resource.name,
        "kind": row.resource.kind,
        "name": row.resource.name,
        "meshed": f"{row.meshed}/{row.running}" if row.has_mesh else None,
        "success": figures.number(figures.share(row.http.success, row.http.failure)) if http else None,
        "rps": figures.number(row.http.rps) if http else None,
        "latency_ms_p50": figures.number(row.http.p50_ms) if http else None,
        "latency_ms_p95": figures.number(row.http.p95_ms) if http else None,
        "latency_ms_p99": figures.number(row.http.p99_ms) if http else None,
        "tcp_open_connections": row.tcp.open if tcp else None,
        "tcp_read_bytes_rate": figures.number(row.tcp.read_bps) if tcp else None,
        "tcp_write_bytes_rate": figures.number(row.tcp.write_bps) if tcp else None,
        **({"status": row.status} if row.status else {}),
        **({"route": row.route} if row.route else {}),
        "failing": row.failing,
        "requests": counts(row.http) if http else None,
        "window": {
            "end_ms": answer.window.end_ms,
            "length_ms": answer.window.length_ms,
            "covered_ms": answer.covered_ms,
        },
    }


def counts(http: HttpStats) -> dict[str, Any]:
    """Return the exact counts of a window for JSON, per status where they are known."""
    return {
        "success": http.success,
        "failure": http.failure,
        "samples": http.samples,
        "statuses": [
            {
                "status": each.status,
                "grpc_status": each.grpc_status if each.HasField("grpc_status") else None,
                "class": CLASSES.get(each.classification, "unknown"),
                "error": each.error or None,
                "count": each.count,
            }
            for each in http.statuses
        ],
    }


def _text(key: str, title: str, get: Callable[[StatRow], str], *, width: int = 0, hotkey: str) -> Column[StatRow]:
    return Column(key, title, lambda row: Cell(get(row)), get, width=width, hotkey=hotkey)


def _figure(
    key: str,
    title: str,
    get: Callable[[HttpStats], float],
    write: Callable[[float], str],
    *,
    width: int = 0,
    hotkey: str = "",
    wide: bool = False,
) -> Column[StatRow]:
    """Return a column over a row's HTTP figures; `-` where there were no requests."""

    def value(row: StatRow) -> float | None:
        found = get(row.http) if row.HasField("http") else math.nan
        return None if math.isnan(found) else found

    def cell(row: StatRow) -> Cell:
        found = value(row)
        return NOTHING if found is None else Cell(write(found))

    return Column(key, title, cell, value, "right", width, wide, hotkey, descending=True)


def _traffic(key: str, title: str, get: Callable[[StatRow], float]) -> Column[StatRow]:
    def cell(row: StatRow) -> Cell:
        return Cell(figures.size(get(row)) + "/s") if row.HasField("tcp") else NOTHING

    return Column(key, title, cell, get, "right", wide=True, descending=True)


def _status(row: StatRow) -> Cell:
    level = {"Running": Level.GOOD, "Failing": Level.BAD, "Pending": Level.WARN}.get(row.status, Level.PLAIN)
    return Cell(("× " if level is Level.BAD else "") + (row.status or "-"), level)


def _meshed(row: StatRow) -> Cell:
    if not row.has_mesh:
        return NOTHING
    level = Level.PLAIN if row.meshed == row.running else Level.WARN
    if row.failing or not row.running:
        level = Level.BAD
    sign = "× " if row.failing else ""
    return Cell(f"{sign}{row.meshed}/{row.running}", level)


def _success(row: StatRow) -> Cell:
    return figures.success(row.http.success, row.http.failure) if row.HasField("http") else NOTHING


def _success_value(row: StatRow) -> float | None:
    value = figures.share(row.http.success, row.http.failure)
    return None if math.isnan(value) else value


def _tcp(row: StatRow) -> Cell:
    return Cell(str(row.tcp.open)) if row.HasField("tcp") else NOTHING
