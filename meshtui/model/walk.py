"""Steps through a drawn graph: from a caller along a call to its callee, and sideways among neighbours.

The graph widget calls it for each key. Directions are along the flow (1: with the calls) and across it. Pure.
"""

from collections.abc import Iterable

from meshtui.model.chart import Box
from meshtui.model.graph import Call, Graph, Node

Selection = Node | Call


def step(
    graph: Graph, boxes: dict[Node, Box], selected: Selection | None, along: int, across: int, *, down: bool
) -> Selection | None:
    """Return what is selected after one step; the same where the way ends."""
    if not graph.nodes:
        return None
    if selected is None:
        return min(graph.nodes, key=lambda node: (boxes[node][1 if down else 0], boxes[node][0 if down else 1]))
    place = {node: _centre(box, down=down) for node, box in boxes.items()}
    if isinstance(selected, Node):
        return _from_node(graph, place, selected, along, across)
    if along:
        return selected[1] if along > 0 else selected[0]
    return _sibling(graph, place, selected, across)


def _centre(box: Box, *, down: bool) -> tuple[int, int]:
    """Return the place of a box along the flow and, twice as fine, across it."""
    x, y, width, height = box
    return (y, 2 * x + width) if down else (x, 2 * y + height)


def _from_node(graph: Graph, place: dict[Node, tuple[int, int]], node: Node, along: int, across: int) -> Selection:
    here = place[node]
    if along:
        calls: Iterable[Call] = (call for call in graph.edges if call[0 if along > 0 else 1] == node)
        other = 1 if along > 0 else 0
        return min(calls, key=lambda call: (abs(place[call[other]][1] - here[1]), place[call[other]]), default=node)
    beyond = [other for other in graph.nodes if (place[other][1] - here[1]) * across > 0]
    # Of those on that side first the ones of the same layer, then whatever is nearest.
    return min(
        beyond,
        key=lambda other: (place[other][0] != here[0], abs(place[other][1] - here[1]), abs(place[other][0] - here[0])),
        default=node,
    )


def _sibling(graph: Graph, place: dict[Node, tuple[int, int]], call: Call, across: int) -> Call:
    """Return the next call of the same caller; if it has but one, the next call to the same callee."""
    for end in (0, 1):
        calls = [other for other in graph.edges if other[end] == call[end]]
        if len(calls) > 1:
            calls.sort(key=lambda other: (place[other[1 - end]][1], other))
            at = calls.index(call) + across
            return calls[min(len(calls) - 1, max(0, at))]
    return call
