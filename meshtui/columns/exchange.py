"""Columns of the tap table: one row per request and direction, as `model.exchange` folds them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from meshcore.wire.common_pb2 import Direction
from meshtui.columns import peers
from meshtui.columns.tap import grpc_status
from meshtui.model import figures
from meshtui.model.cell import NOTHING, Cell, Column, Level
from meshtui.model.exchange import Exchange

OPEN = Cell("…", Level.DIM)  # still under way


def columns(*, ascii: bool = False, source: bool = True, destination: bool = True) -> list[Column[Exchange]]:
    """Return the columns; a screen that shows one end in its title leaves that end out."""
    ends: list[Column[Exchange]] = []
    if source:
        ends.append(_text("source", "SOURCE", lambda x: peers.name(x.source, pod=True), hotkey="O"))
    if destination:
        ends.append(_text("destination", "DESTINATION", lambda x: peers.name(x.destination, pod=True), hotkey="D"))
    ends.append(Column("direction", "DIR", lambda x: _direction(x, ascii=ascii), lambda x: x.direction, hotkey="R"))
    return [
        Column("time", "TIME", lambda x: Cell(clock(x.started_us), Level.DIM), lambda x: x.started_us, hotkey="T"),
        *ends,
        _text("method", "METHOD", lambda x: x.method, hotkey="M"),
        _text("path", "PATH", lambda x: x.path, width=24, hotkey="H"),
        Column("status", "STATUS", lambda x: status(x, ascii=ascii), _status_order, hotkey="S"),
        _figure("latency", "LATENCY", lambda x: x.latency_ms, figures.latency, hotkey="L"),
        _figure("size", "SIZE", lambda x: x.response_bytes if x.done else None, figures.size, hotkey="B"),
        Column("tls", "TLS", lambda x: peers.security(x.tls, []), lambda x: x.tls),
        _text("service", "SERVICE", lambda x: x.service, wide=True),
        _text("authority", "AUTHORITY", lambda x: x.authority, wide=True),
        _text("route", "ROUTE", lambda x: x.route or "[DEFAULT]", wide=True, hotkey="U"),
        _text("protocol", "PROTOCOL", lambda x: peers.PROTOCOLS.get(x.protocol, ""), wide=True),
        _figure("sent", "REQ_SIZE", lambda x: x.request_bytes if x.done else None, figures.size, wide=True),
        _figure("attempt", "ATTEMPT", lambda x: x.attempt or None, str, wide=True),
        _text("trace", "TRACE_ID", lambda x: x.trace_id, wide=True),
    ]


def clock(time_us: int) -> str:
    """Return a Unix time in µs as local wall-clock time with milliseconds."""
    if not time_us:
        return "-"
    return datetime.fromtimestamp(time_us / 1e6).astimezone().strftime("%H:%M:%S.%f")[:-3]


def status(x: Exchange, *, ascii: bool = False) -> Cell:
    """Return what came of an exchange: its class as a sign, then gRPC status, HTTP status or error."""
    text = outcome(x)
    if not x.done:
        return Cell(text, Level.PLAIN) if text else OPEN
    if x.failed:
        return Cell(("x " if ascii else "× ") + text, Level.BAD)
    return Cell(text, Level.WARN if 400 <= x.status < 500 else Level.GOOD)


def outcome(x: Exchange) -> str:
    """Return gRPC status, HTTP status, error or reset, whichever says most; empty while nothing is known."""
    if x.error and not x.status:
        return x.error
    if x.reset_code is not None:
        return f"reset {x.reset_code}"
    if x.grpc_status is not None:
        return grpc_status(x.grpc_status)
    return str(x.status) if x.status else ""


def _status_order(x: Exchange) -> tuple[bool, int, int] | None:
    return (x.failed, x.status, x.grpc_status or 0) if x.done else None


def _direction(x: Exchange, *, ascii: bool) -> Cell:
    if x.direction == Direction.INBOUND:
        return Cell("<- in" if ascii else "← in", Level.DIM)
    return Cell("-> out" if ascii else "→ out", Level.DIM)


def _text(
    key: str, title: str, get: Callable[[Exchange], str], *, width: int = 0, wide: bool = False, hotkey: str = ""
) -> Column[Exchange]:
    def cell(x: Exchange) -> Cell:
        found = get(x)
        return Cell(found) if found else NOTHING

    return Column(key, title, cell, get, width=width, wide=wide, hotkey=hotkey)


def _figure(
    key: str,
    title: str,
    get: Callable[[Exchange], Any],
    write: Callable[[Any], str],
    *,
    wide: bool = False,
    hotkey: str = "",
) -> Column[Exchange]:
    def cell(x: Exchange) -> Cell:
        found = get(x)
        return OPEN if found is None else Cell(write(found))

    return Column(key, title, cell, get, "right", 6, wide, hotkey, descending=True)
