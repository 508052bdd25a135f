"""Columns and JSON of the meshed pods: identity, certificate, proxy and uplink of every instance."""

import time
from collections.abc import Callable, Iterable
from typing import Any

from meshcore.wire.common_pb2 import Peer
from meshcore.wire.discovery_pb2 import Phase, Pod
from meshtui.columns import endpoints, peers
from meshtui.model import figures
from meshtui.model.cell import NOTHING, Cell, Column, Level

PHASES = {
    Phase.PENDING: "Pending",
    Phase.RUNNING: "Running",
    Phase.FAILING: "Failing",
    Phase.STOPPING: "Stopping",
    Phase.SUCCEEDED: "Succeeded",
}
SUMMED = 50  # pods that a description lists
_LEVELS = {Phase.RUNNING: Level.GOOD, Phase.FAILING: Level.BAD, Phase.PENDING: Level.WARN}


def columns(*, namespaced: bool = False, clock: Callable[[], float] = time.time) -> list[Column[Pod]]:
    """Return the columns; `clock` gives Unix time in seconds, for ages and expiries."""
    found: list[Column[Pod]] = []
    if namespaced:
        found.append(_text("namespace", "NAMESPACE", lambda pod: pod.status.namespace, hotkey="K"))

    def expiry(pod: Pod) -> float | None:
        return pod.proxy.cert_not_after_ms / 1000 - clock() if pod.proxy.cert_not_after_ms else None

    def cert(pod: Pod) -> Cell:
        left = expiry(pod)
        if left is None:
            return NOTHING
        return (
            Cell("× expired", Level.BAD)
            if left <= 0
            else Cell(figures.age(left), Level.WARN if left < 3600 else Level.PLAIN)
        )

    def running_for(pod: Pod) -> float:
        return clock() - pod.status.started_ms / 1000 if pod.status.started_ms else 0.0

    return [
        *found,
        _text("name", "NAME", lambda pod: pod.status.pod, width=12, hotkey="N"),
        _text("owner", "OWNER", lambda pod: f"{peers.kind(pod.status.kind)}/{pod.status.name}", wide=True),
        Column("status", "STATUS", _status, phase, hotkey="U"),
        Column(
            "restarts",
            "RESTARTS",
            _restarts,
            lambda pod: pod.status.restarts + pod.status.proxy_restarts,
            "right",
            descending=True,
        ),
        Column("meshed", "MESHED", _meshed, lambda pod: pod.meshed, hotkey="M"),
        Column("uplink", "UPLINK", _uplink, lambda pod: pod.uplink, hotkey="L"),
        _text("identity", "IDENTITY", lambda pod: peers.identity(Peer(identity=pod.identity)), hotkey="I"),
        Column("cert", "CERT", cert, expiry, "right", hotkey="C"),
        _text("version", "PROXY", lambda pod: pod.proxy_version, hotkey="V"),
        Column("cpu", "CPU", _cpu, lambda pod: pod.proxy.cpu_percent, "right", width=5, hotkey="P", descending=True),
        Column(
            "memory", "MEM", _memory, lambda pod: pod.proxy.rss_bytes, "right", width=7, hotkey="E", descending=True
        ),
        Column(
            "connections", "CONN", _connections, lambda pod: pod.proxy.connections, "right", wide=True, descending=True
        ),
        Column("inflight", "INFLIGHT", _inflight, lambda pod: pod.proxy.inflight, "right", wide=True, descending=True),
        Column("age", "AGE", lambda pod: Cell(figures.age(running_for(pod))), running_for, "right", hotkey="A"),
        Column("message", "MESSAGE", _message, message, wide=True),
    ]


def summary(found: Iterable[Pod], now: float) -> list[tuple[str, str]]:
    """Return what a workload's pods say of it, for its description; those that are not well come first."""
    listed = sorted(found, key=lambda pod: (phase(pod) == "Running", pod.status.pod))
    if not listed:
        return []
    starts = [pod.status.started_ms / 1000 for pod in listed if pod.status.started_ms]
    pairs = [("Age", f"{figures.age(now - min(starts))} (the oldest pod)")] if starts else []
    name, state = (max(len(get(pod)) for pod in listed) for get in (lambda pod: pod.status.pod, phase))
    for i, pod in enumerate(listed[:SUMMED]):
        started = pod.status.started_ms / 1000
        parts = [pod.status.pod.ljust(name), phase(pod).ljust(state), figures.age(now - started) if started else "-"]
        restarts = pod.status.restarts + pod.status.proxy_restarts
        parts += [f"{restarts} restarts"] if restarts else []
        parts += [message(pod)] if message(pod) else []
        pairs.append(("" if i else "Pods", "  ".join(parts)))
    more = len(listed) - SUMMED
    return [*pairs, ("", f"… and {more} more")] if more > 0 else pairs


def phase(pod: Pod) -> str:
    """Return the status as kubectl would word it."""
    if pod.status.phase == Phase.RUNNING and not pod.status.ready:
        return "NotReady"
    return PHASES.get(pod.status.phase, "Unknown")


def message(pod: Pod) -> str:
    """Return what stands between this instance and a healthy one; empty if nothing does."""
    return str(pod.status.message or ("" if pod.meshed else unmeshed(pod)))


def unmeshed(pod: Pod) -> str:
    """Return why an instance has no sidecar."""
    return str(pod.unmeshed_reason or "runs without a sidecar")


def record(pod: Pod) -> dict[str, Any]:
    """Return a pod for JSON."""
    proxy = pod.proxy
    return {
        "namespace": pod.status.namespace,
        "name": pod.status.pod,
        "owner": {"kind": pod.status.kind, "name": pod.status.name},
        "status": phase(pod),
        "ready": pod.status.ready,
        "restarts": pod.status.restarts,
        "message": pod.status.message or None,
        "last_lines": list(pod.status.last_lines),
        "pid": pod.status.pid or None,
        "started_ms": pod.status.started_ms or None,
        "meshed": pod.meshed,
        "unmeshed_reason": None if pod.meshed else unmeshed(pod),
        "identity": pod.identity or None,
        "address": pod.address or None,
        "uplink": {"connected": pod.uplink, "since_ms": pod.uplink_since_ms or None},
        "proxy": {
            "version": pod.proxy_version or None,
            "pid": pod.status.proxy_pid or None,
            "restarts": pod.status.proxy_restarts,
            "cpu_percent": figures.number(proxy.cpu_percent),
            "cpu_us": proxy.cpu_us,
            "rss_bytes": proxy.rss_bytes,
            "connections": proxy.connections,
            "inflight": proxy.inflight,
            "tap_dropped": proxy.tap_dropped,
            "certificate": {
                "serial": proxy.cert_serial or None,
                "not_before_ms": proxy.cert_not_before_ms or None,
                "not_after_ms": proxy.cert_not_after_ms or None,
            },
            "endpoints": [endpoints.record(each) for each in proxy.endpoints],
        },
    }


def _text(
    key: str, title: str, get: Callable[[Pod], str], *, width: int = 0, hotkey: str = "", wide: bool = False
) -> Column[Pod]:
    def cell(pod: Pod) -> Cell:
        text = get(pod)
        return Cell(text) if text else NOTHING

    return Column(key, title, cell, get, width=width, hotkey=hotkey, wide=wide)


def _status(pod: Pod) -> Cell:
    text = phase(pod)
    level = Level.WARN if text == "NotReady" else _LEVELS.get(pod.status.phase, Level.DIM)
    sign = {Level.BAD: "× ", Level.WARN: "‼ "}.get(level, "")
    return Cell(sign + text, level)


def _restarts(pod: Pod) -> Cell:
    total = pod.status.restarts + pod.status.proxy_restarts
    return Cell(str(total), Level.WARN if total else Level.DIM)


def _meshed(pod: Pod) -> Cell:
    return Cell("yes") if pod.meshed else Cell("‼ no", Level.WARN)


def _uplink(pod: Pod) -> Cell:
    if not pod.meshed:
        return NOTHING
    return Cell("up", Level.GOOD) if pod.uplink else Cell("× lost", Level.BAD)


def _cpu(pod: Pod) -> Cell:
    return Cell(f"{pod.proxy.cpu_percent:.1f}%") if pod.proxy.time_ms else NOTHING


def _memory(pod: Pod) -> Cell:
    return Cell(figures.size(pod.proxy.rss_bytes)) if pod.proxy.rss_bytes else NOTHING


def _connections(pod: Pod) -> Cell:
    return Cell(str(pod.proxy.connections)) if pod.proxy.time_ms else NOTHING


def _inflight(pod: Pod) -> Cell:
    return Cell(str(pod.proxy.inflight)) if pod.proxy.time_ms else NOTHING


def _message(pod: Pod) -> Cell:
    text = message(pod)
    return Cell(text, Level.BAD if pod.status.phase == Phase.FAILING else Level.DIM) if text else NOTHING
