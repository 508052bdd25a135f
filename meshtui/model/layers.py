"""Nodes in layers: callers before callees, lines that cross as little as can be found out quickly.

The first half of drawing a graph (Sugiyama's method): break cycles, give every node a layer, send long lines
through bends in the layers between, then order each layer. `layout` turns the order into places. Deterministic:
the same nodes and calls always give the same layers.
"""

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from meshtui.model.graph import Call, Node

SWEEPS = 12


class Net(NamedTuple):
    """A line with one left end: all calls of a node to later layers, or one call that goes back.

    A call that goes back, from `back` to `start`, is drawn from its callee with the arrow at that end.
    """

    start: Node
    back: Node | None = None


class Bend(NamedTuple):
    """Where a net passes a layer on its way to a later one."""

    net: Net
    layer: int


Slot = Node | Bend


class Link(NamedTuple):
    """One piece of a net, from a slot of one layer to a slot of the next."""

    net: Net
    left: Slot
    right: Slot


@dataclass(slots=True)
class Layers:
    """Slots of every layer in order, and the links from each layer to the next."""

    slots: list[list[Slot]]
    links: list[list[Link]]
    rank: dict[Node, int]
    nets: dict[Call, Net] = field(default_factory=dict)

    def crossings(self) -> int:
        """Return how many pairs of links cross."""
        return sum(_crossings(self.slots[i], self.slots[i + 1], links) for i, links in enumerate(self.links))


def arrange(nodes: Collection[Node], calls: Collection[Call], before: Mapping[Node, int] | None = None) -> Layers:
    """Return the layers of a graph; `before` gives a node's former place in its layer, to stay close to it."""
    names = sorted(nodes)
    back = _backward(names, calls)
    forward = [(b, a) if (a, b) in back else (a, b) for a, b in sorted(calls)]
    rank = _ranks(names, forward)
    layers = _layers(names, sorted(calls), back, rank, before or {})
    _untangle(layers)
    return layers


def _backward(names: list[Node], calls: Collection[Call]) -> set[Call]:
    """Return the calls that must be turned round so that nothing goes in a circle (depth first, roots first)."""
    after: dict[Node, list[Node]] = defaultdict(list)
    called: set[Node] = set()
    for a, b in sorted(calls):
        after[a].append(b)
        called.add(b)
    back: set[Call] = set()
    state: dict[Node, int] = {}
    for root in [*(n for n in names if n not in called), *names]:
        if root in state:
            continue
        state[root] = 1
        path: list[tuple[Node, Iterable[Node]]] = [(root, iter(after[root]))]
        while path:
            node, rest = path[-1]
            step = next(iter(rest), None)
            if step is None:
                state[node] = 2
                path.pop()
            elif state.get(step) == 1:
                back.add((node, step))
            elif step not in state:
                state[step] = 1
                path.append((step, iter(after[step])))
    return back


def _ranks(names: list[Node], calls: list[Call]) -> dict[Node, int]:
    """Return layers by the longest way from a root; roots then move next to what they call."""
    callees: dict[Node, list[Node]] = defaultdict(list)
    waiting = dict.fromkeys(names, 0)
    for a, b in calls:
        callees[a].append(b)
        waiting[b] += 1
    rank = dict.fromkeys(names, 0)
    ready = [node for node in names if not waiting[node]]
    for node in ready:
        for callee in callees[node]:
            rank[callee] = max(rank[callee], rank[node] + 1)
            waiting[callee] -= 1
            if not waiting[callee]:
                ready.append(callee)
    called = {b for _, b in calls}
    for node in names:
        if node not in called and callees[node]:
            rank[node] = min(rank[callee] for callee in callees[node]) - 1
    return rank


def _layers(
    names: list[Node], calls: list[Call], back: set[Call], rank: dict[Node, int], before: Mapping[Node, int]
) -> Layers:
    ends: dict[Net, list[Node]] = defaultdict(list)
    nets: dict[Call, Net] = {}
    for a, b in calls:
        net = Net(b, a) if (a, b) in back else Net(a)
        nets[a, b] = net
        ends[net].append(a if net.back else b)
    depth = max(rank.values(), default=-1) + 1
    slots: list[list[Slot]] = [[] for _ in range(depth)]
    group = _groups(names, calls)
    for node in sorted(names, key=lambda n: (group[n], before.get(n, len(names)), n)):
        slots[rank[node]].append(node)
    links: list[list[Link]] = [[] for _ in range(max(0, depth - 1))]
    for net, targets in ends.items():
        last = max(rank[target] for target in targets)
        left: Slot = net.start
        for layer in range(rank[net.start], last):
            links[layer] += [Link(net, left, target) for target in targets if rank[target] == layer + 1]
            if layer + 1 < last:
                bend = Bend(net, layer + 1)
                slots[layer + 1].append(bend)
                links[layer].append(Link(net, left, bend))
                left = bend
    return Layers(slots, links, rank, nets)


def _groups(names: list[Node], calls: list[Call]) -> dict[Node, tuple[bool, Node]]:
    """Return for each node what sorts its group of connected nodes together; nodes without calls come last."""
    first = {node: node for node in names}
    moved = True
    while moved:
        moved = False
        for a, b in calls:
            low = min(first[a], first[b])
            if first[a] != low or first[b] != low:
                first[a] = first[b] = low
                moved = True
    connected = {end for call in calls for end in call}
    return {node: (node not in connected, first[node]) for node in names}


def _untangle(layers: Layers) -> None:
    """Order the layers by the mean place of their neighbours, to and fro, and keep the best order seen."""
    best, fewest = [list(slots) for slots in layers.slots], layers.crossings()
    for sweep in range(SWEEPS):
        if not fewest:
            break
        forward = sweep % 2 == 0
        steps = range(1, len(layers.slots)) if forward else range(len(layers.slots) - 2, -1, -1)
        for i in steps:
            _sort(layers, i, forward)
        _swap(layers)
        found = layers.crossings()
        if found < fewest:
            best, fewest = [list(slots) for slots in layers.slots], found
    layers.slots = best


def _sort(layers: Layers, i: int, forward: bool) -> None:
    """Sort one layer by the mean place of the slots it is linked to on one side."""
    links = layers.links[i - 1] if forward else layers.links[i]
    beside = layers.slots[i - 1] if forward else layers.slots[i + 1]
    place = {slot: at for at, slot in enumerate(beside)}
    linked: dict[Slot, list[int]] = defaultdict(list)
    for link in links:
        near, far = (link.right, link.left) if forward else (link.left, link.right)
        linked[near].append(place[far])
    own = {slot: at for at, slot in enumerate(layers.slots[i])}

    def wanted(slot: Slot) -> tuple[float, int]:
        places = linked.get(slot)
        scale = len(beside) / max(1, len(own))
        return (sum(places) / len(places) if places else own[slot] * scale, own[slot])

    layers.slots[i].sort(key=wanted)


def _swap(layers: Layers) -> None:
    """Swap neighbours in a layer wherever that saves a crossing."""
    for i, slots in enumerate(layers.slots):
        sides = [
            (layers.slots[j], layers.links[min(i, j)], j < i) for j in (i - 1, i + 1) if 0 <= j < len(layers.slots)
        ]
        linked: list[dict[Slot, list[int]]] = []
        for beside, links, before in sides:
            place = {slot: at for at, slot in enumerate(beside)}
            found: dict[Slot, list[int]] = defaultdict(list)
            for link in links:
                near, far = (link.right, link.left) if before else (link.left, link.right)
                found[near].append(place[far])
            linked.append(found)
        for k in range(len(slots) - 1):
            a, b = slots[k], slots[k + 1]
            now = sum(x > y for side in linked for x in side[a] for y in side[b])
            then = sum(y > x for side in linked for x in side[a] for y in side[b])
            if then < now:
                slots[k], slots[k + 1] = b, a


def _crossings(left: list[Slot], right: list[Slot], links: list[Link]) -> int:
    at, to = {slot: i for i, slot in enumerate(left)}, {slot: i for i, slot in enumerate(right)}
    ends = sorted((at[link.left], to[link.right]) for link in links)
    found, seen = 0, list[int]()
    same: list[int] = []  # ends of the links from the slot at hand: they do not cross each other
    for i, (start, end) in enumerate(ends):
        if i and ends[i - 1][0] != start:
            for each in same:
                insort(seen, each)
            same = []
        found += len(seen) - bisect_right(seen, end)
        same.append(end)
    return found
