"""A graph written for other programs: Graphviz's DOT, JSON, and the drawing as text. Pure."""

import json
from typing import Any

from meshcore.wire.common_pb2 import Tls
from meshtui.model import figures
from meshtui.model.canvas import plain
from meshtui.model.cell import Level
from meshtui.model.drawing import Atlas
from meshtui.model.graph import Edge, Graph, Node, Traffic
from meshtui.model.look import Look, level

_TLS = {Tls.TLS_MUTUAL: "mutual", Tls.TLS_NONE: "none", Tls.TLS_OPAQUE: "opaque", Tls.TLS_UNKNOWN: "unknown"}
_STYLES = {Level.BAD: "color=red penwidth=2", Level.WARN: "color=orange", Level.DIM: "style=dotted"}


def text(graph: Graph, look: Look) -> str:
    """Return the drawing."""
    return plain(Atlas().picture(graph, look).lines) + "\n"


def record(graph: Graph) -> dict[str, Any]:
    """Return the graph for JSON."""
    return {
        "nodes": [
            {**node._asdict(), "id": name(node), "meshed": node in graph.meshed, **_figures(traffic)}
            for node, traffic in graph.nodes.items()
        ],
        "edges": [_edge(edge) for edge in (*graph.edges.values(), *graph.loops.values())],
    }


def document(graph: Graph) -> str:
    """Return the graph as a JSON document."""
    return json.dumps(record(graph), indent=2) + "\n"


def dot(graph: Graph) -> str:
    """Return the graph in Graphviz's language, a cluster per namespace."""
    lines = ["digraph mesh {", "  rankdir=LR;", '  node [shape=box style=rounded fontname="monospace"];']
    for i, namespace in enumerate(graph.namespaces):
        lines.append(f"  subgraph cluster_{i} {{")
        lines.append(f"    label={_quoted(namespace or 'outside')};")
        for node, traffic in graph.nodes.items():
            if node.namespace == namespace:
                said = f"{node.name}\n{figures.percent(traffic.share)} {figures.rate(traffic.rps)}/s"
                lines.append(f"    {_quoted(name(node))} [label={_quoted(said)}];")
        lines.append("  }")
    for edge in (*graph.edges.values(), *graph.loops.values()):
        said = f"{figures.percent(edge.http.share)} {figures.rate(edge.http.rps)}/s {_TLS.get(edge.tls, 'unknown')}"
        style = _STYLES.get(level(edge), "color=darkgreen")
        ends = f"{_quoted(name(edge.caller))} -> {_quoted(name(edge.callee))}"
        lines.append(f"  {ends} [label={_quoted(said)} {style}];")
    return "\n".join([*lines, "}"]) + "\n"


def name(node: Node) -> str:
    """Return a name that only this node has."""
    return "/".join(part for part in node if part)


def _edge(edge: Edge) -> dict[str, Any]:
    return {
        "src": name(edge.caller),
        "dst": name(edge.callee),
        "tls": _TLS.get(edge.tls, "unknown"),
        "secured_share": figures.number(edge.secured),
        "no_tls_reasons": list(edge.reasons),
        "tcp_open_connections": edge.tcp_open,
        **_figures(edge.http),
    }


def _figures(traffic: Traffic) -> dict[str, Any]:
    return {
        "success": figures.number(traffic.share),
        "requests": {"success": traffic.success, "failure": traffic.failure},
        "rps": figures.number(traffic.rps),
        "latency_ms_p50": figures.number(traffic.p50),
        "latency_ms_p95": figures.number(traffic.p95),
        "latency_ms_p99": figures.number(traffic.p99),
    }


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
