"""Places for the slots of layers, and the lines between them: everything about a drawing but its characters.

Worked out along the flow (columns from left to right, or rows from top to bottom) and across it, so that one
code serves both directions. `drawing` asks for a Layout and maps it to a canvas. Pure and deterministic.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from meshtui.model.graph import Call, Node
from meshtui.model.layers import Bend, Layers, Link, Net, Slot
from meshtui.model.tracks import Wire, assign

SWEEPS = 10
_STRAIGHT = 8.0  # how much more a bend insists on its place than a box does


class Metrics(NamedTuple):
    """Sizes, in cells, that the direction of the drawing decides."""

    box: Callable[[Node, int], tuple[int, int]]  # of a node with so many lines arriving: along, across
    pitch: int  # across, between two lines that arrive at one box
    gap: int  # across, between two boxes
    thin: int  # across, between two lines that pass beside each other
    track: int  # along, between two lines that turn
    stub: int  # along, between the last turn and the label
    label: int  # along, for the label before an arrow


class Place(NamedTuple):
    """Where a box stands and how large it is."""

    along: int
    across: int
    length: int
    breadth: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Boxes, and for every call the corners of its line from the caller's box to the callee's, both excluded.

    `arrows` tells at which corner the arrow stands: the last one, or the first where the line was turned round.
    `labels` is the place next to the arrow's line, nearest to the callee's layer, where its label begins.
    """

    places: dict[Node, Place]
    lines: dict[Call, list[tuple[int, int]]]
    labels: dict[Call, tuple[int, int]]
    turned: frozenset[Call]
    nets: dict[Call, Net]
    length: int
    breadth: int
    order: dict[Node, int]


def place(layers: Layers, metrics: Metrics) -> Layout:
    """Return the places of everything in `layers`."""
    return _Placing(layers, metrics).layout()


class _Placing:
    """The steps of one placing, which share many tables."""

    def __init__(self, layers: Layers, metrics: Metrics) -> None:
        self.layers, self.metrics = layers, metrics
        self.arriving: dict[Slot, list[Link]] = defaultdict(list)
        self.leaving: dict[Slot, list[Link]] = defaultdict(list)
        for i, links in enumerate(layers.links):
            left = {slot: at for at, slot in enumerate(layers.slots[i])}
            right = {slot: at for at, slot in enumerate(layers.slots[i + 1])}
            for link in sorted(links, key=lambda each: left[each.left]):
                self.arriving[link.right].append(link)
            for link in sorted(links, key=lambda each: right[each.right]):
                self.leaving[link.left].append(link)
        self.sizes = {slot: self._size(slot) for slots in layers.slots for slot in slots}
        self.at: dict[Slot, int] = {}

    def layout(self) -> Layout:
        self._across()
        lengths = [max((self.sizes[slot][0] for slot in slots), default=1) for slots in self.layers.slots]
        starts, gaps = self._along(lengths)
        places: dict[Node, Place] = {}
        for i, slots in enumerate(self.layers.slots):
            for slot in slots:
                if isinstance(slot, Node):
                    places[slot] = Place(starts[i], self.at[slot], lengths[i], self.sizes[slot][1])
        lines, labels, turned = self._lines(starts, lengths, gaps)
        turns = [across for line in lines.values() for _, across in line]
        return Layout(
            places,
            lines,
            labels,
            frozenset(turned),
            self.layers.nets,
            starts[-1] + lengths[-1] if starts else 0,
            max([*(p.across + p.breadth for p in places.values()), *(turn + 1 for turn in turns)], default=0),
            {node: at for slots in self.layers.slots for at, node in enumerate(slots) if isinstance(node, Node)},
        )

    def _size(self, slot: Slot) -> tuple[int, int]:
        if isinstance(slot, Bend):
            return 1, 1
        doors = max(len(self.arriving[slot]), len(self._doors(slot)))
        along, across = self.metrics.box(slot, doors)
        return along, max(across, (doors - 1) * self.metrics.pitch + 3)

    def _doors(self, slot: Slot) -> list[Net]:
        """Return the nets that leave a box, one door each."""
        return list(dict.fromkeys(link.net for link in self.leaving[slot]))

    def entry(self, link: Link) -> int:
        """Return where a link arrives, across, from the edge of its slot."""
        if isinstance(link.right, Bend):
            return 0
        arriving = self.arriving[link.right]
        return self._door(link.right, arriving.index(link), len(arriving))

    def exit(self, link: Link) -> int:
        """Return where a link leaves, across, from the edge of its slot."""
        if isinstance(link.left, Bend):
            return 0
        doors = self._doors(link.left)
        return self._door(link.left, doors.index(link.net), len(doors))

    def _door(self, slot: Slot, number: int, count: int) -> int:
        pitch = self.metrics.pitch
        return (self.sizes[slot][1] - 1 - (count - 1) * pitch) // 2 + number * pitch

    # Places across the flow: every slot near the mean of what it is linked to, in the order of its layer.

    def _across(self) -> None:
        for slots in self.layers.slots:
            end = 0
            for i, slot in enumerate(slots):
                self.at[slot] = end + (self._between(slots[i - 1], slot) if i else 0)
                end = self.at[slot] + self.sizes[slot][1]
        count = len(self.layers.slots)
        for sweep in range(SWEEPS):
            last = sweep >= SWEEPS - 2
            order = range(count) if sweep % 2 == 0 else range(count - 1, -1, -1)
            for i in order:
                before = last or sweep % 2 == 0
                after = last or sweep % 2 == 1
                self._settle(self.layers.slots[i], before=before, after=after)
        least = min(self.at.values(), default=0)
        self.at = {slot: at - least for slot, at in self.at.items()}

    def _between(self, a: Slot, b: Slot) -> int:
        if isinstance(a, Bend) and isinstance(b, Bend):
            return self.metrics.thin
        return self.metrics.gap if isinstance(a, Node) and isinstance(b, Node) else 1

    def _settle(self, slots: list[Slot], *, before: bool, after: bool) -> None:
        """Move the slots of a layer towards where they want to be (pool adjacent violators)."""
        blocks: list[tuple[float, float, list[int]]] = []  # sum of weighted wishes, weight, members
        offsets: list[int] = []
        offset = 0
        for i, slot in enumerate(slots):
            offset += self.sizes[slots[i - 1]][1] + self._between(slots[i - 1], slot) if i else 0
            offsets.append(offset)
            wish, weight = self._wish(slot, before=before, after=after)
            block = ((wish - offset) * weight, weight, [i])
            while blocks and blocks[-1][0] / blocks[-1][1] > block[0] / block[1]:
                last = blocks.pop()
                block = (last[0] + block[0], last[1] + block[1], last[2] + block[2])
            blocks.append(block)
        for total, weight, members in blocks:
            base = round(total / weight)
            for i in members:
                self.at[slots[i]] = base + offsets[i]

    def _wish(self, slot: Slot, *, before: bool, after: bool) -> tuple[float, float]:
        """Return where a slot would like to be and how much it insists."""
        wishes: list[tuple[float, float]] = []
        for link in self.arriving[slot] if before else ():
            weight = _STRAIGHT if isinstance(slot, Bend) and isinstance(link.left, Bend) else 1.0
            wishes.append((self.at[link.left] + self.exit(link) - self.entry(link), weight))
        for link in self.leaving[slot] if after else ():
            weight = _STRAIGHT if isinstance(slot, Bend) and isinstance(link.right, Bend) else 1.0
            wishes.append((self.at[link.right] + self.entry(link) - self.exit(link), weight))
        total = sum(weight for _, weight in wishes)
        if not total:
            return float(self.at[slot]), 0.05
        return sum(wish * weight for wish, weight in wishes) / total, total

    # Places along the flow: layers, and between them the tracks on which lines turn.

    def _along(self, lengths: list[int]) -> tuple[list[int], list["_Gap"]]:
        starts, gaps, at = [], [], 0
        for i, length in enumerate(lengths):
            starts.append(at)
            at += length
            if i < len(self.layers.links):
                gap = self._gap(i, at)
                gaps.append(gap)
                at += gap.length
        return starts, gaps

    def _gap(self, i: int, start: int) -> "_Gap":
        wires: dict[Net, Wire] = {}
        for link in self.layers.links[i]:
            exit_at, entry_at = self.at[link.left] + self.exit(link), self.at[link.right] + self.entry(link)
            wire = wires.setdefault(link.net, Wire(exit_at, []))
            wire.entries.append(entry_at)
        tracks = assign(wires)
        labelled = any(isinstance(link.right, Node) for link in self.layers.links[i])
        lead = 2 if any(isinstance(link.left, Node) and link.net.back for link in self.layers.links[i]) else 1
        turns = max((track for path in tracks.values() for track, _ in path), default=-1) + 1
        room = turns * self.metrics.track - (self.metrics.track - 1) if turns else 0
        label = self.metrics.label if labelled else 0
        return _Gap(start, lead, tracks, lead + room + self.metrics.stub + label + 1, label)

    def _lines(
        self, starts: list[int], lengths: list[int], gaps: list["_Gap"]
    ) -> tuple[dict[Call, list[tuple[int, int]]], dict[Call, tuple[int, int]], set[Call]]:
        lines: dict[Call, list[tuple[int, int]]] = {}
        labels: dict[Call, tuple[int, int]] = {}
        turned: set[Call] = set()
        into = {(link.net, link.right): link for links in self.layers.links for link in links}
        for call, net in self.layers.nets.items():
            end = call[0] if net.back else call[1]
            corners: list[tuple[int, int]] = []
            slot: Slot = end
            while slot != net.start:
                link = into[net, slot]
                i = self.layers.rank[slot] - 1 if isinstance(slot, Node) else slot.layer - 1
                corners[:0] = self._corners(link, gaps[i])
                if slot == end:
                    labels[call] = (gaps[i].start + gaps[i].length - 1 - gaps[i].label, corners[-1][1])
                slot = link.left
            lines[call] = _without_idle(corners)
            if net.back:
                turned.add(call)
        return lines, labels, turned

    def _corners(self, link: Link, gap: "_Gap") -> list[tuple[int, int]]:
        """Return the corners of a link through a gap, from its first cell to its last."""
        across = self.at[link.left] + self.exit(link)
        corners = [(gap.start, across)]
        for track, to in gap.tracks[link.net]:
            along = gap.start + gap.lead + track * self.metrics.track
            target = self.at[link.right] + self.entry(link) if to is None else to
            corners += [(along, across), (along, target)]
            across = target
        corners.append((gap.start + gap.length - 1, self.at[link.right] + self.entry(link)))
        return corners


class _Gap(NamedTuple):
    """The room between two layers."""

    start: int
    lead: int  # cells before the first track
    tracks: Mapping[Net, list[tuple[int, int | None]]]  # on which track, to which place (None: to the entries)
    length: int
    label: int


def _without_idle(corners: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the corners without those on a straight line."""
    kept: list[tuple[int, int]] = []
    for corner in corners:
        if kept and kept[-1] == corner:
            continue
        if len(kept) > 1 and (kept[-2][0] == kept[-1][0] == corner[0] or kept[-2][1] == kept[-1][1] == corner[1]):
            kept[-1] = corner
        else:
            kept.append(corner)
    return kept
