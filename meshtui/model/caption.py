"""What is said in a line about what is selected in the graph, and the legend when nothing is. Pure."""

import math

from meshcore.wire.common_pb2 import Protocol, Tls
from meshtui.model import figures
from meshtui.model.canvas import Line
from meshtui.model.cell import Cell, Level
from meshtui.model.graph import Call, Edge, Graph, Node, Traffic
from meshtui.model.look import Look, level, security, signs

_PROTOCOLS = {Protocol.HTTP1: "http/1.1", Protocol.HTTP2: "http/2", Protocol.GRPC: "grpc", Protocol.TCP: "tcp"}


def caption(graph: Graph, selected: Node | Call | None, look: Look) -> Line:
    """Return the line below the graph."""
    if isinstance(selected, Node) and selected in graph.nodes:
        return _node(graph, selected, look)
    edge = graph.edges.get(selected) if isinstance(selected, tuple) and not isinstance(selected, Node) else None
    return _edge(edge, look) if edge is not None else legend(look)


def legend(look: Look) -> Line:
    """Return what the signs mean."""
    found = signs(look)
    parts = [
        (found.lock, "mutual TLS"),
        (found.open, "not secured"),
        ("?", "unknown"),
        (found.weak, "success below 95%"),
        (found.bad, "below 90%"),
    ]
    line: Line = []
    for sign, meaning in parts:
        line += [Cell(f"{sign} "), Cell(f"{meaning}   ", Level.DIM)]
    return line


def _node(graph: Graph, node: Node, look: Look) -> Line:
    callers, callees = graph.callers(node), graph.callees(node)
    where = f" {node.namespace}" if node.namespace and node.kind != "namespace" else ""
    line = [Cell(node.name, Level.ACCENT), Cell(where, Level.DIM), *_traffic(graph.nodes[node], look)]
    loop = graph.loops.get(node)
    if loop is not None:
        line.append(Cell(f"  {signs(look).loop} {figures.rate(loop.http.rps)}/s within", Level.PLAIN))
    if callers:
        line += [Cell("  called by ", Level.DIM), Cell(_names(callers))]
    if callees:
        line += [Cell("  calls ", Level.DIM), Cell(_names(callees))]
    return line


def _edge(edge: Edge, look: Look) -> Line:
    sign = security(edge, signs(look))
    words = {Tls.TLS_MUTUAL: "mutual TLS", Tls.TLS_NONE: "not secured", Tls.TLS_OPAQUE: "opaque TLS"}
    said = words.get(edge.tls, "security unknown")
    reasons = ", ".join(reason.replace("_", " ") for reason in edge.reasons)
    partly = f" ({edge.secured:.0%} secured)" if 0 < edge.secured < 1 else ""
    line = [
        Cell(f"{edge.caller.name} {signs(look).sends} {edge.callee.name}", Level.ACCENT),
        Cell(f"  {sign.text} " if sign.text != said else "  ", sign.level),
        Cell(said + partly + (f": {reasons}" if reasons and edge.tls != Tls.TLS_MUTUAL else ""), sign.level),
        *_traffic(edge.http, look),
    ]
    if edge.quiet:
        line.append(Cell("  nothing in this window", Level.DIM))
    if edge.tcp_open or edge.tcp_bps:
        line.append(Cell(f"  {edge.tcp_open} connections  {figures.size(edge.tcp_bps)}/s"))
    protocols = " ".join(_PROTOCOLS[each] for each in edge.protocols if each in _PROTOCOLS)
    return [*line, Cell(f"  {protocols}", Level.DIM)] if protocols else line


def _traffic(traffic: Traffic, look: Look) -> Line:
    if math.isnan(traffic.share):
        return []
    heat = level(traffic)
    sign = {Level.BAD: signs(look).bad + " ", Level.WARN: signs(look).weak + " "}.get(heat, "")
    line = [Cell(f"  {sign}{figures.percent(traffic.share)}", heat), Cell(f"  {figures.rate(traffic.rps)}/s")]
    for name, value in (("p50", traffic.p50), ("p95", traffic.p95), ("p99", traffic.p99)):
        if not math.isnan(value):
            line += [Cell(f"  {name} ", Level.DIM), Cell(figures.latency(value))]
    return line


def _names(nodes: list[Node], most: int = 4) -> str:
    shown = ", ".join(node.name for node in nodes[:most])
    return f"{shown} +{len(nodes) - most}" if len(nodes) > most else shown
