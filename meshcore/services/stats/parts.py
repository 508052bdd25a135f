"""What was counted of some sidecars as bytes, and what somebody else counted of them taken over. Pure.

How a replica of the control plane learns what another one knows: journal.py sends parts, replica.py joins them. Joining
is idempotent and takes nothing away: a slot has the most that either counted, a report is counted if either has it.
So it does not matter how often, or from how many, the same is heard.
"""

from collections.abc import Collection, Iterator

import msgspec

from meshcore.services.stats.intake import Boot, Intake
from meshcore.services.stats.ring import Track
from meshcore.services.stats.rollup import Edge, End
from meshcore.services.stats.snapshot import (
    SHAPE,
    FrozenBoot,
    FrozenEdge,
    FrozenTrack,
    freeze_boot,
    freeze_track,
    thaw_track,
)

FORMAT = 1
CELLS = 5_000  # about so many make up one part: to join it takes some 20 ms


class _Part(msgspec.Struct, array_like=True):
    format: int
    shape: list[tuple[int, int]]
    born: int | None
    lost: list[int]
    boots: list[FrozenBoot]
    edges: list[FrozenEdge]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Part)


def reporters(intake: Intake) -> set[End]:
    """Return all sidecars that anything is known of."""
    return {boot.reporter for boot in intake.boots.values()} | {name.reporter for name in intake.rollup.edges}


def parts(intake: Intake, of: Collection[End]) -> Iterator[bytes]:
    """Yield what was counted of some sidecars. Read it whole before anything else is counted."""
    ring = intake.rollup.ring
    # First which reports are in it: what a sidecar tells again in between must not be counted twice.
    boots = [freeze_boot(boot_id, boot) for (reporter, boot_id), boot in intake.boots.items() if reporter in of]
    some: list[FrozenEdge] = []
    cells = 0
    for edge in intake.rollup.edges.values():
        if edge.name.reporter not in of:
            continue
        for piece, size in _pieces(edge):
            some.append(piece)
            cells += size
            if cells >= CELLS:
                yield _ENCODER.encode(_Part(FORMAT, SHAPE, ring.born, ring.lost, boots, some))
                boots, some, cells = [], [], 0
    yield _ENCODER.encode(_Part(FORMAT, SHAPE, ring.born, ring.lost, boots, some))


def _pieces(edge: Edge) -> Iterator[tuple[FrozenEdge, int]]:
    """Yield an edge series by series, each with its cells: one edge may have many."""
    for name, line in edge.lines.items():
        if line.track is not None:
            yield FrozenEdge(edge.name, [(name, freeze_track(line.track))], None, None), len(line.track)
    tracks = [edge.flow, edge.open]
    if any(track is not None for track in tracks):
        flow, open_now = (freeze_track(track) if track is not None else None for track in tracks)
        yield FrozenEdge(edge.name, [], flow, open_now), sum(len(track) for track in tracks if track is not None)


def join(intake: Intake, data: bytes) -> None:
    """Take over a part; raises ValueError for anything but one of this version."""
    held = _DECODER.decode(data)  # msgspec's errors are ValueErrors
    if held.format != FORMAT or held.shape != SHAPE:
        raise ValueError("it is in another version's form")
    rollup = intake.rollup
    rollup.ring.adopt(held.born, held.lost)
    for frozen in held.boots:
        _join_boot(intake, frozen)
    for edge in held.edges:
        for name, track in edge.lines:
            rollup.join(edge.name, name, _thaw(track))
        if edge.flow is not None or edge.open is not None:
            flow, open_now = (_thaw(one) if one is not None else None for one in (edge.flow, edge.open))
            rollup.join_connections(edge.name, flow, open_now)
    if rollup.ring.cells > rollup.ring.max_cells:
        rollup.sweep()


def _join_boot(intake: Intake, held: FrozenBoot) -> None:
    boot = intake.boots.setdefault((held.reporter, held.boot_id), Boot(held.reporter))
    gaps = set(held.gaps)
    missing = {gap for gap in boot.gaps if gap > held.top or gap in gaps}
    boot.gaps = missing | {gap for gap in gaps if gap > boot.top}
    boot.top = max(boot.top, held.top)
    if held.second is not None:
        boot.second = held.second if boot.second is None else max(boot.second, held.second)
    boot.heard = max(boot.heard, held.heard)


def _thaw(held: FrozenTrack) -> Track:
    track = Track()
    thaw_track(held, track)
    return track
