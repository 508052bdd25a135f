"""How a graph is drawn: the signs of a character set, the sizes of boxes and labels, and what heat means.

`chart` and `drawing` share it, and so does the caption: a sign means the same everywhere. Pure.
"""

from dataclasses import dataclass
from typing import NamedTuple

from rich.cells import cell_len

from meshcore.wire.common_pb2 import Tls
from meshtui.model import figures
from meshtui.model.cell import Cell, Level
from meshtui.model.graph import Call, Edge, Graph, Node, Traffic
from meshtui.model.layout import Metrics

WIDEST = 28  # of a name
_LABEL = 19  # cells of the longest label, so that the picture does not move with its numbers
_CONTENT = 18  # cells of the longest figures in a box


@dataclass(frozen=True, slots=True)
class Look:
    """How to draw: from the top down or from left to right, with labels or small signs, with which characters."""

    down: bool = False
    labels: bool = True
    ascii: bool = False
    selected: Node | Call | None = None


class Signs(NamedTuple):
    """The signs of one set of characters."""

    right: str
    left: str
    down: str
    up: str
    lock: str
    open: str
    bad: str
    weak: str
    loop: str
    cut: str
    sends: str


UNICODE = Signs("▶", "◀", "▼", "▲", "🔒", "⊘", "×", "‼", "↻", "…", "→")
ASCII = Signs(">", "<", "v", "^", "mTLS", "PLAIN", "x", "!", "@", "~", "->")


def level(edge: Edge | Traffic) -> Level:
    """Return the heat of an edge, or of what a node received."""
    return figures.judge((edge.http if isinstance(edge, Edge) else edge).share)


def security(edge: Edge, signs: Signs) -> Cell:
    """Return the sign of how an edge is secured; what nobody knows is never shown as secured."""
    if edge.tls == Tls.TLS_MUTUAL:
        return Cell(signs.lock, Level.GOOD)
    if edge.tls == Tls.TLS_NONE:
        return Cell(signs.open, Level.BAD)
    return Cell("~" if edge.tls == Tls.TLS_OPAQUE else "?", Level.WARN)


def signs(look: Look) -> Signs:
    """Return the signs that a look is drawn with."""
    return ASCII if look.ascii else UNICODE


def metrics(graph: Graph, look: Look) -> Metrics:
    """Return the sizes that a layout goes by."""

    def box(node: Node, doors: int) -> tuple[int, int]:
        width = box_width(graph, node, look)
        return (3, width) if look.down else (width, 2 + max(1, doors))

    label = label_size(look)
    if look.down:
        return Metrics(box, pitch=label[0] + 3, gap=3, thin=2, track=1, stub=0, label=label[1])
    return Metrics(box, pitch=1, gap=1, thin=0, track=2, stub=1, label=label[0])


def label_size(look: Look) -> tuple[int, int]:
    """Return width and height kept free for a label."""
    wide = 4 if look.ascii else 2
    lock = max(len(ASCII.lock), len(ASCII.open)) if look.ascii else 2
    if not look.labels:
        return (lock + 4, 1)
    return (max(lock + 8, 8), 2) if look.down else (_LABEL + wide + 1, 1)


def box_width(graph: Graph, node: Node, look: Look) -> int:
    """Return the width of a box."""
    words = max(cell_len(title(graph, node)), cell_len(home(graph, node)))
    return max(min(words, WIDEST) + 6, _CONTENT + 4 if look.labels else 14)


def title(graph: Graph, node: Node) -> str:
    """Return what is written over a box."""
    count = graph.folded.get(node)
    return f"{node.name} ({count})" if count else node.name


def home(graph: Graph, node: Node) -> str:
    """Return the namespace of a node where it must be told: among several, and not of a folded one."""
    return node.namespace if len(graph.namespaces) > 1 and node not in graph.folded else ""


def percent(share: float) -> str:
    """Write a share in at most five cells; 100 % and 0 % only where they are exact."""
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    return f"{min(99.9, max(0.1, share * 100)):.1f}%"
