"""Columns and JSON of the edges table: who calls whom, how well, and whether it is secured."""

import math
from typing import Any

from meshcore.wire.common_pb2 import Tls
from meshcore.wire.stats_pb2 import Edge, EdgesResponse, HttpStats
from meshtui.columns import peers
from meshtui.columns.stat import counts
from meshtui.model import figures
from meshtui.model.cell import NOTHING, Cell, Column


def columns(kind: str) -> list[Column[Edge]]:
    """Return the columns for edges between resources of one canonical kind."""
    pods = kind == "pod"

    def name(end: str) -> Column[Edge]:
        def value(edge: Edge) -> str:
            peer = getattr(edge, end)
            return peer.namespace if kind == "namespace" and peer.namespace else peers.name(peer, pod=pods)

        return Column(end, end.upper(), lambda edge: Cell(value(edge)), value, hotkey=end[0].upper())

    return [
        name("src"),
        name("dst"),
        Column("src_ns", "SRC_NS", lambda e: _plain(e.src.namespace), lambda e: e.src.namespace),
        Column("dst_ns", "DST_NS", lambda e: _plain(e.dst.namespace), lambda e: e.dst.namespace),
        Column("success", "SUCCESS", _success, _success_value, "right", width=9, hotkey="U"),
        Column("rps", "RPS", _rps, lambda e: _seen(e).rps, "right", width=6, hotkey="R", descending=True),
        Column("p95", "LATENCY_P95", _p95, lambda e: _seen(e).p95_ms, "right", hotkey="L", descending=True),
        Column("tcp", "TCP_CONN", _tcp, lambda e: e.tcp.open, "right", hotkey="T", descending=True),
        Column("client_id", "CLIENT_ID", lambda e: _plain(peers.identity(e.src)), lambda e: e.src.identity, wide=True),
        Column("server_id", "SERVER_ID", lambda e: _plain(peers.identity(e.dst)), lambda e: e.dst.identity, wide=True),
        Column("protocol", "PROTOCOL", lambda e: _plain(_protocols(e)), _protocols, wide=True),
        Column("secured", "SECURED", _secured, lambda e: e.secured, hotkey="E"),
    ]


def record(edge: Edge, answer: EdgesResponse) -> dict[str, Any]:
    """Return an edge for JSON; `sent` is what the client's sidecars counted, `received` what the server's did."""
    seen = _seen(edge)
    return {
        "src": peers.name(edge.src),
        "dst": peers.name(edge.dst),
        "src_namespace": edge.src.namespace,
        "dst_namespace": edge.dst.namespace,
        "client_id": edge.src.identity or None,
        "server_id": edge.dst.identity or None,
        "secured": edge.tls == Tls.TLS_MUTUAL,
        "secured_share": figures.number(edge.secured),
        "tls": peers.TLS_WORDS.get(edge.tls, "unknown"),
        "no_tls_reasons": list(edge.no_tls_reasons),
        "success": figures.number(figures.share(seen.success, seen.failure)),
        "rps": figures.number(seen.rps),
        "latency_ms_p50": figures.number(seen.p50_ms),
        "latency_ms_p95": figures.number(seen.p95_ms),
        "latency_ms_p99": figures.number(seen.p99_ms),
        "sent": _side(edge, "sent"),
        "received": _side(edge, "received"),
        "tcp_open_connections": edge.tcp.open if edge.HasField("tcp") else None,
        "protocols": [peers.PROTOCOLS.get(each, "unknown") for each in edge.protocols],
        "client": {**peers.record(edge.src), "meshed": edge.src_meshed},
        "server": {**peers.record(edge.dst), "meshed": edge.dst_meshed},
        "window": {
            "end_ms": answer.window.end_ms,
            "length_ms": answer.window.length_ms,
            "covered_ms": answer.covered_ms,
        },
    }


def _side(edge: Edge, side: str) -> dict[str, Any] | None:
    if not edge.HasField(side):  # type: ignore[arg-type]
        return None
    http: HttpStats = getattr(edge, side)
    return {
        "requests": http.success + http.failure,
        "rps": figures.number(http.rps),
        "success": figures.number(figures.share(http.success, http.failure)),
        **counts(http),
    }


def _seen(edge: Edge) -> HttpStats:
    """Return the client's view of the edge, or the server's where the client has no sidecar."""
    return edge.sent if edge.HasField("sent") else edge.received


def _plain(text: str) -> Cell:
    return Cell(text) if text else NOTHING


def _protocols(edge: Edge) -> str:
    return ", ".join(sorted({peers.PROTOCOLS.get(each, "unknown") for each in edge.protocols}))


def _success(edge: Edge) -> Cell:
    seen = _seen(edge)
    return figures.success(seen.success, seen.failure)


def _success_value(edge: Edge) -> float | None:
    seen = _seen(edge)
    value = figures.share(seen.success, seen.failure)
    return None if math.isnan(value) else value


def _rps(edge: Edge) -> Cell:
    seen = _seen(edge)
    return Cell(figures.rate(seen.rps)) if seen.success + seen.failure else NOTHING


def _p95(edge: Edge) -> Cell:
    seen = _seen(edge)
    return Cell(figures.latency(seen.p95_ms)) if seen.samples else NOTHING


def _tcp(edge: Edge) -> Cell:
    return Cell(str(edge.tcp.open)) if edge.HasField("tcp") else NOTHING


def _secured(edge: Edge) -> Cell:
    cell = peers.security(edge.tls, list(edge.no_tls_reasons))
    if 0 < edge.secured < 1:
        return cell._replace(text=f"{cell.text} ({edge.secured:.0%} secured)")
    return cell
