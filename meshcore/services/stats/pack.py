"""A count and its latency histogram as one integer, so that adding two histograms is one addition in C.

Field 0 is the count of requests, fields 1 to 26 the buckets of wire.buckets, low latencies in the low bits: a
series that never saw a slow request takes few bytes. TCP flows use the same fields for opened, closed, read and
written. Used by the ring (which only adds) and by the questions (which unpack once per row).
"""

from collections.abc import Iterable, Sequence

from meshcore.wire import buckets

WIDTH = 48
MASK = (1 << WIDTH) - 1
LIMIT = (1 << 36) - 1  # of one report; a sum of 4,096 of them still fits its field
SHIFTS: tuple[int, ...] = tuple(WIDTH * field for field in range(buckets.SIZE + 1))
_LAST = buckets.SIZE - 1


def histogram(count: int, indexes: Iterable[int], counts: Iterable[int]) -> int:
    """Return the packed form of a count with its sparse histogram; absurd values are cut, never spilled."""
    packed = min(count, LIMIT)
    for index, value in zip(indexes, counts, strict=False):
        packed += min(value, LIMIT) << SHIFTS[min(index, _LAST) + 1]
    return packed


def flow(opened: int, closed: int, read: int, written: int) -> int:
    """Return the packed form of what connections did."""
    return (
        min(opened, LIMIT)
        + (min(closed, LIMIT) << SHIFTS[1])
        + (min(read, LIMIT) << SHIFTS[2])
        + (min(written, LIMIT) << SHIFTS[3])
    )


def most(one: int, other: int) -> int:
    """Return the larger of each field: what two who each counted a part of the same at least have between them."""
    if one == other:
        return one
    return sum(max(one >> shift & MASK, other >> shift & MASK) << shift for shift in SHIFTS)


def count_of(packed: int) -> int:
    """Return the count of a packed histogram."""
    return packed & MASK


def buckets_of(packed: int) -> Sequence[int]:
    """Return the 26 buckets of a packed histogram."""
    return [(packed >> shift) & MASK for shift in SHIFTS[1:]]


def flow_of(packed: int) -> tuple[int, int, int, int]:
    """Return opened, closed, read and written."""
    return packed & MASK, (packed >> SHIFTS[1]) & MASK, (packed >> SHIFTS[2]) & MASK, (packed >> SHIFTS[3]) & MASK
