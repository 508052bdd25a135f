"""All that was counted as bytes, and back: a control plane that starts again goes on where the one before was. Pure.

What came in after the snapshot the sidecars tell again, for it also says which of their reports have been counted.
keep.py writes and reads the file.
"""

from array import array

import msgspec

from meshcore.services.stats.intake import Boot, Intake
from meshcore.services.stats.ring import LEVELS, Ring, Track
from meshcore.services.stats.rollup import Edge, EdgeName, End, Line, LineName, Rollup

FORMAT = 1
SHAPE = [(level.width, level.slots) for level in LEVELS]


class FrozenTrack(msgspec.Struct, array_like=True):
    slots: list[bytes]  # by level, as the array holds them
    cells: list[bytes]  # by level, all of one width
    widths: list[int]


class FrozenEdge(msgspec.Struct, array_like=True):
    name: EdgeName
    lines: list[tuple[LineName, FrozenTrack]]
    flow: FrozenTrack | None
    open: FrozenTrack | None


class FrozenBoot(msgspec.Struct, array_like=True):
    reporter: End
    boot_id: str
    top: int
    gaps: list[int]
    second: int | None
    heard: float


class _Snapshot(msgspec.Struct, array_like=True):
    format: int
    levels: list[tuple[int, int]]
    now: int
    born: int | None
    lost: list[int]
    spans: list[int]
    boots: list[FrozenBoot]
    edges: list[FrozenEdge]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Snapshot)


def freeze(intake: Intake) -> bytes:
    """Return everything that was counted."""
    rollup, ring = intake.rollup, intake.rollup.ring
    edges = [
        FrozenEdge(
            edge.name,
            [(name, freeze_track(line.track)) for name, line in edge.lines.items() if line.track is not None],
            freeze_track(edge.flow) if edge.flow is not None else None,
            freeze_track(edge.open) if edge.open is not None else None,
        )
        for edge in rollup.edges.values()
    ]
    boots = [freeze_boot(boot_id, boot) for (_, boot_id), boot in intake.boots.items()]
    return _ENCODER.encode(_Snapshot(FORMAT, SHAPE, ring.now, ring.born, ring.lost, ring.spans, boots, edges))


def thaw(data: bytes, max_cells: int, max_series: int) -> Intake:
    """Return what was counted; raises ValueError for anything but a snapshot of this version."""
    held = _DECODER.decode(data)  # msgspec's errors are ValueErrors
    if held.format != FORMAT or held.levels != SHAPE:
        raise ValueError("the snapshot is another version's")
    ring = Ring(max_cells)
    ring.now, ring.born, ring.lost, ring.spans = held.now, held.born, held.lost, held.spans
    rollup = Rollup(ring, max_series)
    for kept in held.edges:
        edge = rollup.edges[kept.name] = Edge(kept.name)
        for name, track in kept.lines:
            line = edge.lines[name] = Line(edge, name)
            line.track = _unpack(track, ring)
        edge.flow = _unpack(kept.flow, ring) if kept.flow is not None else None
        edge.open = _unpack(kept.open, ring) if kept.open is not None else None
    intake = Intake(rollup)
    for boot in held.boots:
        intake.boots[boot.reporter, boot.boot_id] = Boot(
            boot.reporter, boot.top, set(boot.gaps), 0, boot.second, boot.heard
        )
    return intake


def freeze_boot(boot_id: str, boot: Boot) -> FrozenBoot:
    """Return which reports of a process have been counted."""
    return FrozenBoot(boot.reporter, boot_id, boot.top, sorted(boot.gaps), boot.second, boot.heard)


def freeze_track(track: Track) -> FrozenTrack:
    """Return one series."""
    widths = [(max(cells, default=0).bit_length() + 7) // 8 for cells in track.cells]
    return FrozenTrack(
        [slots.tobytes() for slots in track.slots],
        [
            b"".join([cell.to_bytes(width, "little") for cell in cells])
            for cells, width in zip(track.cells, widths, strict=True)
        ],
        widths,
    )


def _unpack(held: FrozenTrack, ring: Ring) -> Track:
    track = ring.track()
    thaw_track(held, track)
    ring.cells += len(track)
    return track


def thaw_track(held: FrozenTrack, track: Track) -> None:
    """Fill an empty track; raises ValueError if what is held is damaged."""
    for level, (slots, cells, width) in enumerate(zip(held.slots, held.cells, held.widths, strict=True)):
        track.slots[level].extend(array("I", slots))
        count = len(track.slots[level])
        if len(cells) != count * width:
            raise ValueError("the snapshot is damaged")
        track.cells[level].extend(int.from_bytes(cells[at * width : (at + 1) * width], "little") for at in range(count))
