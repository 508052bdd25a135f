"""What was counted when: every series at three resolutions, in a fixed amount of memory. Pure; time is passed in.

A Track is one series: packed integers (see `pack`) by slot, for 1 s slots over 5 minutes, 10 s over an hour and
1 minute over a day. All three are written at once, so that any window is a few sums of whole slots. Memory is
bounded by the number of cells over all tracks: when it is reached the ring remembers less far back, the coarse
level first, and `start_of` and `cover` say so. The rollup writes here, the questions read.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from meshcore.services.stats.pack import most


class Level(NamedTuple):
    """One resolution: seconds per slot, how many slots are kept, and how few when memory is short."""

    width: int
    slots: int
    least: int


LEVELS: tuple[Level, ...] = (Level(1, 300, 60), Level(10, 360, 30), Level(60, 1440, 0))
MAX_CELLS = 1_000_000  # about 70 MB

Tile = tuple[int, int, int]  # level, first slot, slot after the last


class Track:
    """One series. Slots ascend; a cell stands at the same place as its slot."""

    __slots__ = ("cells", "slots")

    def __init__(self) -> None:
        self.slots: tuple[array[int], ...] = tuple(array("I") for _ in LEVELS)
        self.cells: tuple[list[int], ...] = tuple([] for _ in LEVELS)

    def put(self, second: int, packed: int) -> int:
        """Add to the slots of a second; return how many cells are new."""
        fresh = 0
        for level, slots in enumerate(self.slots):
            slot = second // LEVELS[level].width
            if slots and slots[-1] == slot:
                self.cells[level][-1] += packed
            elif not slots or slots[-1] < slot:
                slots.append(slot)
                self.cells[level].append(packed)
                fresh += 1
            else:
                fresh += self._put_late(level, slot, packed)
        return fresh

    def set(self, second: int, value: int) -> int:
        """As `put` for a gauge: the last value of a slot stands."""
        fresh = 0
        for level, slots in enumerate(self.slots):
            slot = second // LEVELS[level].width
            if slots and slots[-1] == slot:
                self.cells[level][-1] = value
            elif not slots or slots[-1] < slot:
                slots.append(slot)
                self.cells[level].append(value)
                fresh += 1
        return fresh

    def _put_late(self, level: int, slot: int, packed: int) -> int:
        slots, cells = self.slots[level], self.cells[level]
        at = bisect_left(slots, slot)
        if slots[at] == slot:
            cells[at] += packed
            return 0
        slots.insert(at, slot)
        cells.insert(at, packed)
        return 1

    def join(self, held: "Track", floors: list[int]) -> int:
        """Take over what somebody else counted of the same series; return how many cells are new.

        Each slot then has the most that either counted: never more than there was, never less than before.
        """
        fresh = 0
        for level, floor in enumerate(floors):
            theirs = held.slots[level]
            first = bisect_left(theirs, floor)
            if first == len(theirs):
                continue
            merged = dict(zip(self.slots[level], self.cells[level], strict=True))
            before = len(merged)
            for slot, cell in zip(theirs[first:], held.cells[level][first:], strict=True):
                mine = merged.get(slot)
                merged[slot] = cell if mine is None else most(mine, cell)
            order = sorted(merged)
            self.slots[level][:] = array("I", order)
            self.cells[level][:] = [merged[slot] for slot in order]
            fresh += len(order) - before
        return fresh

    def total(self, tiles: list[Tile]) -> int:
        """Return the packed sum over some tiles."""
        packed = 0
        for level, first, after in tiles:
            slots = self.slots[level]
            if slots and slots[-1] >= first:
                low = bisect_left(slots, first)
                packed += sum(self.cells[level][low : bisect_left(slots, after, low)])
        return packed

    def between(self, tile: Tile) -> Iterator[tuple[int, int]]:
        """Yield slot and cell of one tile."""
        level, first, after = tile
        slots, cells = self.slots[level], self.cells[level]
        for at in range(bisect_left(slots, first), bisect_left(slots, after)):
            yield slots[at], cells[at]

    def latest(self, second: int) -> tuple[int, int] | None:
        """Return the last value set at or before a second, with the second that its slot ends before."""
        for level, slots in enumerate(self.slots):
            width = LEVELS[level].width
            at = bisect_left(slots, second // width + 1) - 1
            if at >= 0:
                return (slots[at] + 1) * width, self.cells[level][at]
        return None

    def trim(self, floors: list[int]) -> int:
        """Forget slots before the floors; return how many cells went."""
        gone = 0
        for slots, cells, floor in zip(self.slots, self.cells, floors, strict=True):
            if slots and slots[0] < floor:
                cut = bisect_left(slots, floor)
                del slots[:cut]
                del cells[:cut]
                gone += cut
        return gone

    def __len__(self) -> int:
        return sum(len(slots) for slots in self.slots)

    def empty(self) -> bool:
        return not any(self.slots)


class Ring:
    """All tracks' common clock and memory bound. Tracks are named by whoever asks for them (the rollup)."""

    def __init__(self, max_cells: int = MAX_CELLS) -> None:
        self.max_cells = max_cells
        self.cells = 0
        self.now = 0
        self.born: int | None = None  # first second that anything was reported for
        self.spans = [level.slots for level in LEVELS]
        self.tracks: set[Track] = set()
        self.lost = [0 for _ in LEVELS]  # slots before these have been forgotten

    def track(self) -> Track:
        track = Track()
        self.tracks.add(track)
        return track

    def put(self, track: Track, second: int, packed: int) -> bool:
        """Count into a track; False if the second is older than anything that is kept."""
        if second < self.oldest():
            return False
        self.cells += track.put(second, packed)
        return True

    def set(self, track: Track, second: int, value: int) -> None:
        """Set a gauge of a track."""
        self.cells += track.set(second, value)

    def join(self, track: Track, held: Track) -> None:
        """Take over into a track what somebody else counted of it."""
        self.cells += track.join(held, [self.floor(level) for level in range(len(LEVELS))])

    def adopt(self, born: int | None, lost: list[int]) -> None:
        """Reach back as far as another ring does whose tracks are taken over."""
        if self.born is None:
            self.lost = list(lost)
        if born is not None:
            self.born = born if self.born is None else min(self.born, born)

    def cover(self, second: int) -> None:
        """Note that a second was reported on, even if nothing happened in it."""
        if self.born is None or second < self.born:
            self.born = second
        self.advance(second)

    def advance(self, second: int) -> None:
        """Let time pass."""
        self.now = max(self.now, second)

    def floor(self, level: int) -> int:
        """Return the oldest slot that is kept at a level."""
        return max(self.lost[level], self.now // LEVELS[level].width + 1 - self.spans[level])

    def oldest(self) -> int:
        """Return the first second that any level still holds."""
        return min(self.floor(level) * of.width for level, of in enumerate(LEVELS))

    def sweep(self) -> list[Track]:
        """Forget what is too old, and more if memory is short; return the tracks that are now empty."""
        self._trim()
        while self.cells > self.max_cells:
            level = next((i for i in (2, 1, 0) if self.spans[i] > LEVELS[i].least), None)
            if level is None:
                break
            self.spans[level] = max(LEVELS[level].least, self.spans[level] * 3 // 4)
            self._trim()
        if self.cells < self.max_cells // 2:
            self.spans = [min(of.slots, span + span // 8 + 1) for of, span in zip(LEVELS, self.spans, strict=True)]
        idle = [track for track in self.tracks if track.empty()]
        self.tracks.difference_update(idle)
        return idle

    def _trim(self) -> None:
        self.lost = [self.floor(level) for level in range(len(LEVELS))]
        self.cells -= sum(track.trim(self.lost) for track in self.tracks)

    def grain(self, second: int) -> int:
        """Return the finest level that still holds a second."""
        for level, of in enumerate(LEVELS):
            if second >= self.floor(level) * of.width:
                return level
        return len(LEVELS) - 1

    def fit(self, start: int, end: int) -> tuple[int, int]:
        """Return a window as it can be answered: its ends on whole slots of what is still held there."""
        first = LEVELS[self.grain(start)].width
        begin = start // first * first
        for level, coarser in enumerate(LEVELS[1:]):
            whole = end // coarser.width * coarser.width
            if self.floor(level) * LEVELS[level].width > whole:  # what follows it is not held any more
                end = whole
        return begin, max(end, begin + first)

    def tiles(self, start: int, end: int) -> list[Tile]:
        """Return the fewest whole slots that make up a window that `fit` has returned."""
        tiles: list[Tile] = []
        _tile(tiles, start, end, len(LEVELS) - 1, self)
        return tiles


def _tile(tiles: list[Tile], start: int, end: int, level: int, ring: Ring) -> None:
    """Cover [start, end) with this level's whole slots, and what sticks out at both ends with finer ones."""
    if start >= end:
        return
    width = LEVELS[level].width
    if level == 0:
        tiles.append((0, start, end))
        return
    first, after = max(-(-start // width), ring.floor(level)), end // width
    if first >= after:
        _tile(tiles, start, end, level - 1, ring)
        return
    _tile(tiles, start, first * width, level - 1, ring)
    tiles.append((level, first, after))
    _tile(tiles, after * width, end, level - 1, ring)
