"""Tracks between two layers: no two lines share a stretch, whatever the demands."""

from hypothesis import given, settings
from hypothesis import strategies as st

from meshtui.model.tracks import Turns, Wire, assign


@st.composite
def demands(draw: st.DrawFn) -> dict[int, Wire]:
    """Wires with exits that are all different, and entries that are all different."""
    count = draw(st.integers(1, 7))
    exits = draw(st.lists(st.integers(0, 14), min_size=count, max_size=count, unique=True))
    entries = draw(st.lists(st.integers(0, 14), min_size=count, max_size=14, unique=True))
    owners = [*range(count), *(draw(st.integers(0, count - 1)) for _ in entries[count:])]
    wires = {n: Wire(exits[n], []) for n in range(count)}
    for owner, entry in zip(owners, entries, strict=True):
        wires[owner].entries.append(entry)
    return wires


def stretches(wire: Wire, turns: Turns, end: int) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """Return the flat and the upright cells of a wire; tracks are at even columns, the ends outside of all."""
    flat: set[tuple[int, int]] = set()
    upright: set[tuple[int, int]] = set()
    row, column = wire.exit, -1
    for track, to in turns:
        flat |= {(x, row) for x in range(column, 2 * track + 1)}
        rows = [row, *([to] if to is not None else wire.entries)]
        upright |= {(2 * track, y) for y in range(min(rows), max(rows) + 1)}
        row, column = (to if to is not None else row), 2 * track
    for entry in wire.entries:
        flat |= {(x, entry) for x in range(column, end + 1)}
    return flat, upright


@given(demands())
@settings(deadline=None, max_examples=50)
def test_no_two_wires_share_a_stretch(wires: dict[int, Wire]) -> None:
    turns = assign(wires)
    end = 2 + 2 * max((track for each in turns.values() for track, _ in each), default=0)
    drawn = {name: stretches(wire, turns[name], end) for name, wire in wires.items()}
    for a in drawn:
        for b in drawn:
            if a < b:
                assert not drawn[a][0] & drawn[b][0]
                assert not drawn[a][1] & drawn[b][1]


def test_a_straight_wire_needs_no_track() -> None:
    assert assign({"a": Wire(3, [3])}) == {"a": []}


def test_wires_side_by_side_share_a_track() -> None:
    assert assign({"a": Wire(0, [2]), "b": Wire(5, [7])}) == {"a": [(0, None)], "b": [(0, None)]}


def test_an_exit_level_with_an_entry_turns_first() -> None:
    turns = assign({"a": Wire(4, [8]), "b": Wire(0, [4])})
    assert turns["a"][0][0] < turns["b"][0][0]


def test_wires_that_change_places_turn_twice() -> None:
    turns = assign({"a": Wire(0, [4]), "b": Wire(4, [0])})
    assert sorted(len(each) for each in turns.values()) == [1, 2]
