"""The ring against a naive model: any window it answers is exactly the sum of what was put there."""

import random
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from meshcore.services.stats.ring import LEVELS, Ring

START = 1_700_000_000

puts = st.lists(
    st.tuples(st.integers(min_value=0, max_value=5000), st.integers(min_value=1, max_value=1000)),
    min_size=1,
    max_size=60,
)


def fill(ring: Ring, pairs: list[tuple[int, int]]) -> tuple[object, dict[int, int]]:
    track = ring.track()
    naive: dict[int, int] = {}
    for second, value in pairs:
        ring.cover(START + second)
        if ring.put(track, START + second, value):
            naive[START + second] = naive.get(START + second, 0) + value
    return track, naive


@given(pairs=puts, begin=st.integers(0, 5100), length=st.integers(1, 4000), sweep=st.booleans())
@example(pairs=[(340, 1), (3940, 1)], begin=0, length=351, sweep=True)  # it ends where the hour begins
@example(pairs=[(340, 1), (3940, 1)], begin=0, length=360, sweep=True)  # and a little after
@settings(max_examples=150, deadline=None)
def test_a_window_is_the_sum_of_its_seconds(pairs: list[tuple[int, int]], begin: int, length: int, sweep: bool) -> None:
    ring = Ring()
    track, naive = fill(ring, pairs)
    if sweep:
        ring.sweep()
    start, end = ring.fit(START + begin, min(START + begin + length, ring.now + 1))
    assert start <= START + begin
    total = track.total(ring.tiles(start, end))  # type: ignore[attr-defined]
    assert total == sum(value for second, value in naive.items() if start <= second < end)


@given(begin=st.integers(0, 90_000), length=st.integers(1, 90_000))
@settings(max_examples=200, deadline=None)
def test_tiles_cover_a_window_once_with_what_is_held(begin: int, length: int) -> None:
    ring = Ring()
    ring.now = START + 90_000
    start, end = ring.fit(START + begin, min(START + begin + length, ring.now + 1))
    tiles = ring.tiles(start, end)
    seconds = sorted((first * LEVELS[level].width, after * LEVELS[level].width) for level, first, after in tiles)
    assert seconds[0][0] == start
    assert seconds[-1][1] == end
    assert all(left[1] == right[0] for left, right in pairwise(seconds))
    assert len(tiles) <= 5
    if start >= ring.oldest():
        assert all(first >= ring.floor(level) for level, first, _ in tiles)


def test_reports_in_any_order_give_the_same_sums() -> None:
    pairs = [(second, second % 7 + 1) for second in range(0, 250, 3)]
    shuffled = random.Random(1).sample(pairs, len(pairs))
    in_order, in_disorder = Ring(), Ring()
    first, _ = fill(in_order, pairs)
    second, _ = fill(in_disorder, shuffled)
    assert in_order.tiles(START, START + 250) == in_disorder.tiles(START, START + 250)
    assert first.slots == second.slots  # type: ignore[attr-defined]
    assert first.cells == second.cells  # type: ignore[attr-defined]


def test_a_day_later_nothing_is_left() -> None:
    ring = Ring()
    track, _ = fill(ring, [(0, 5)])
    ring.cover(START + 400)
    ring.sweep()
    assert not track.slots[0]  # type: ignore[attr-defined]
    assert track.slots[1]  # type: ignore[attr-defined]
    ring.cover(START + 86_400 + 60)
    assert ring.sweep() == [track]
    assert ring.cells == 0
    assert not ring.put(ring.track(), START, 1)


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    ring = Ring(max_cells=2_000)
    tracks = [ring.track() for _ in range(10)]
    for second in range(2_000):
        ring.cover(START + second)
        for track in tracks:
            ring.put(track, START + second, 1)
        if ring.cells > ring.max_cells:
            ring.sweep()
        assert ring.cells <= ring.max_cells + 30
    start, end = ring.fit(START, START + 2_000)
    assert ring.oldest() > START
    begin = max(start, ring.oldest())
    start, end = ring.fit(begin, end)
    assert tracks[0].total(ring.tiles(start, end)) == end - start
    assert ring.spans[0] >= LEVELS[0].least


def test_memory_given_back_does_not_bring_back_what_was_dropped() -> None:
    ring = Ring(max_cells=400)
    for second in range(300):
        ring.cover(START + second)
        for _ in range(2):
            ring.put(ring.track(), START + second, 1)
        if ring.cells > ring.max_cells:
            ring.sweep()
    before = ring.oldest()
    ring.max_cells = 10_000
    for _ in range(50):
        ring.sweep()
    assert ring.spans == [level.slots for level in LEVELS]
    assert ring.oldest() == before


def test_a_gauge_keeps_its_last_value_of_a_slot() -> None:
    ring = Ring()
    track = ring.track()
    for second, value in ((0, 3), (1, 4), (1, 9), (30, 2)):
        ring.cover(START + second)
        ring.set(track, START + second, value)
    assert track.latest(START - 100) is None
    assert [(track.latest(START + at) or (0, -1))[1] for at in (0, 1, 15, 30, 999)] == [3, 9, 9, 2, 2]
