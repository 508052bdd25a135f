"""Columns and JSON of endpoints as one sidecar sees them: load, latency and state behind each service."""

from typing import Any

from meshcore.wire.common_pb2 import Peer
from meshcore.wire.discovery_pb2 import EndpointStatus
from meshtui.columns import peers
from meshtui.model import figures
from meshtui.model.cell import NOTHING, Cell, Column, Level


def columns() -> list[Column[EndpointStatus]]:
    """Return the columns of a sidecar's view of the endpoints it sends to."""
    return [
        Column("service", "SERVICE", lambda e: Cell(e.service), lambda e: e.service, hotkey="S"),
        Column("pod", "POD", lambda e: Cell(e.pod) if e.pod else NOTHING, lambda e: e.pod, hotkey="N"),
        Column("address", "ADDRESS", lambda e: Cell(e.address), lambda e: e.address),
        Column("state", "STATE", _state, lambda e: e.state, hotkey="U"),
        Column(
            "ewma",
            "EWMA",
            lambda e: Cell(figures.latency(e.ewma_ms)),
            lambda e: e.ewma_ms,
            "right",
            hotkey="E",
            descending=True,
        ),
        Column(
            "inflight",
            "INFLIGHT",
            lambda e: Cell(str(e.inflight)),
            lambda e: e.inflight,
            "right",
            hotkey="I",
            descending=True,
        ),
        Column("connections", "CONN", lambda e: Cell(str(e.connections)), lambda e: e.connections, "right", hotkey="T"),
        Column("weight", "WEIGHT", lambda e: Cell(str(e.weight)), lambda e: e.weight, "right", hotkey="W"),
        Column("identity", "IDENTITY", _identity, lambda e: e.identity, hotkey="D"),
    ]


def record(each: EndpointStatus) -> dict[str, Any]:
    """Return an endpoint for JSON."""
    return {
        "service": each.service,
        "pod": each.pod or None,
        "address": each.address,
        "identity": each.identity or None,
        "state": each.state,
        "ewma_ms": figures.number(each.ewma_ms),
        "inflight": each.inflight,
        "connections": each.connections,
        "weight": each.weight,
    }


def _state(each: EndpointStatus) -> Cell:
    level = {"ready": Level.GOOD, "failing": Level.BAD, "pending": Level.WARN, "draining": Level.WARN}
    return Cell(each.state or "unknown", level.get(each.state, Level.DIM))


def _identity(each: EndpointStatus) -> Cell:
    text = peers.identity(Peer(identity=each.identity))
    return Cell(text) if text else Cell("none", Level.WARN)
