"""Places: boxes never overlap, and every line runs straight from its caller's box to its callee's."""

from itertools import pairwise

from hypothesis import given, settings

from meshtui.model.graph import Call
from meshtui.model.layers import arrange
from meshtui.model.layout import Layout, Metrics, place
from tests.unit.meshtui.model.test_layers import NODES, calls

METRICS = Metrics(lambda node, doors: (10, 2 + max(1, doors)), pitch=1, gap=1, thin=0, track=2, stub=1, label=4)


def laid(found: list[Call]) -> Layout:
    return place(arrange(NODES, found), METRICS)


@given(calls)
@settings(deadline=None, max_examples=50)
def test_boxes_do_not_overlap(found: list[Call]) -> None:
    seen: set[tuple[int, int]] = set()
    for each in laid(found).places.values():
        cells = {
            (x, y)
            for x in range(each.along, each.along + each.length)
            for y in range(each.across, each.across + each.breadth)
        }
        assert not seen & cells
        assert min(y for _, y in cells) >= 0
        seen |= cells


@given(calls)
@settings(deadline=None, max_examples=50)
def test_lines_leave_and_arrive_beside_boxes(found: list[Call]) -> None:
    layout = laid(found)
    for call, line in layout.lines.items():
        left, right = (call[1], call[0]) if call in layout.turned else call
        start, end = layout.places[left], layout.places[right]
        assert line[0][0] == start.along + start.length
        assert start.across < line[0][1] < start.across + start.breadth - 1
        assert line[-1][0] == end.along - 1
        assert end.across < line[-1][1] < end.across + end.breadth - 1


@given(calls)
@settings(deadline=None, max_examples=50)
def test_lines_are_straight_between_their_corners(found: list[Call]) -> None:
    for line in laid(found).lines.values():
        assert all(a[0] == b[0] or a[1] == b[1] for a, b in pairwise(line))


@given(calls)
@settings(deadline=None, max_examples=50)
def test_it_is_deterministic(found: list[Call]) -> None:
    assert laid(found) == laid(list(reversed(found)))


def test_nothing_has_no_size() -> None:
    layout = place(arrange([], []), METRICS)
    assert (layout.length, layout.breadth) == (0, 0)
