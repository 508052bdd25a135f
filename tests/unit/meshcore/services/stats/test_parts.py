"""What was counted, in parts: as often joined as one likes, in any order, the answers are those of the original."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshcore.services.stats import parts as module
from meshcore.services.stats.intake import Intake
from meshcore.services.stats.pack import MASK, SHIFTS, most
from meshcore.services.stats.parts import join, parts, reporters
from meshcore.services.stats.ring import Ring
from meshcore.services.stats.rollup import Rollup
from meshcore.wire import stats_pb2
from tests.support.traffic import END, NOW, Mesh, answers, busy, peer


@pytest.fixture
def mesh() -> Mesh:
    return busy()


def empty(max_series: int = 5000) -> Intake:
    return Intake(Rollup(Ring(), max_series))


@pytest.mark.parametrize("cells", [1, 500, 1_000_000])
def test_all_parts_together_are_the_whole(mesh: Mesh, cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CELLS", cells)
    found = list(parts(mesh.intake, reporters(mesh.intake)))
    assert len(found) > 1 if cells < 1000 else len(found) == 1
    again = empty()
    random.Random(cells).shuffle(found)
    for _ in range(2):
        for part in found:
            join(again, part)
    for length_ms in (10_000, 60_000, 390_000, 3_600_000):
        assert answers(again, length_ms) == answers(mesh.intake, length_ms)
    assert again.rollup.ring.cells == mesh.rollup.ring.cells
    assert {key: boot.top for key, boot in again.boots.items()} == {
        key: boot.top for key, boot in mesh.intake.boots.items()
    }


def test_only_the_sidecars_asked_for_are_in_it(mesh: Mesh) -> None:
    web = {reporter for reporter in reporters(mesh.intake) if reporter.name == "web"}
    again = empty()
    for part in parts(mesh.intake, web):
        join(again, part)
    assert {name.reporter for name in again.rollup.edges} == web
    assert {reporter for reporter, _ in again.boots} == web


def test_gaps_that_either_has_filled_are_filled() -> None:
    hello = stats_pb2.StatsHello(self=peer("web-0"), boot_id="b")
    ours, theirs = empty(), empty()
    for intake, heard in ((ours, (1, 3, 6, 9)), (theirs, (1, 2, 3, 6))):
        uplink = intake.open(hello, NOW)
        for seq in heard:
            uplink.take(stats_pb2.StatsReport(seq=seq, time_ms=(NOW + seq) * 1000), END)
    for part in parts(theirs, reporters(theirs)):
        join(ours, part)
    boot = ours.open(hello, NOW).boot
    assert (boot.top, boot.gaps) == (9, {4, 5, 7, 8})
    assert boot.resume(5) == 4  # the sidecar holds no more than from 5 on
    assert boot.resume(10) == 9


def test_there_is_no_more_room_than_there_was(mesh: Mesh) -> None:
    small = empty(max_series=2)
    for part in parts(mesh.intake, reporters(mesh.intake)):
        join(small, part)
    assert small.rollup.series <= 3  # connections take two at once
    assert small.rollup.overflowed > 0


@pytest.mark.parametrize("data", [b"", b"{}", b"\x93\x01\x02\x03", b"\x96\x07\x90\xc0\x90\x90\x90"])
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        join(empty(), data)


fields = st.lists(st.integers(0, MASK), min_size=len(SHIFTS), max_size=len(SHIFTS))


@given(fields, fields)
def test_the_most_of_two_is_taken_field_by_field(one: list[int], other: list[int]) -> None:
    def packed(values: list[int]) -> int:
        return sum(value << shift for value, shift in zip(values, SHIFTS, strict=True))

    assert most(packed(one), packed(other)) == packed([max(pair) for pair in zip(one, other, strict=True)])
