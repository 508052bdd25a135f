"""A snapshot answers every question as what it was taken of does."""

import pytest

from meshcore.services.stats.snapshot import freeze, thaw
from meshcore.wire import stats_pb2
from tests.support.traffic import END, Mesh, answers, busy, peer


@pytest.fixture
def mesh() -> Mesh:
    return busy()


@pytest.mark.parametrize("length_ms", [10_000, 60_000, 390_000, 3_600_000])
def test_all_answers_are_the_same(mesh: Mesh, length_ms: int) -> None:
    mesh.rollup.sweep()
    again = thaw(freeze(mesh.intake), 1_000_000, 5000)
    assert answers(again, length_ms) == answers(mesh.intake, length_ms)
    ring, held = mesh.rollup.ring, again.rollup.ring
    assert (held.cells, held.born, held.now) == (ring.cells, ring.born, ring.now)
    assert len(held.tracks) == len(ring.tracks)


def test_reports_go_on_where_they_were(mesh: Mesh) -> None:
    again = thaw(freeze(mesh.intake), 1_000_000, 5000)
    hello = stats_pb2.StatsHello(self=peer("web-0"), boot_id="boot of web-0")
    before = mesh.sidecars["web-0"].seq
    uplink = again.open(hello, END)
    assert uplink.boot.top == before
    assert again.connected() == 1
    cells = again.rollup.ring.cells
    uplink.take(stats_pb2.StatsReport(seq=before, time_ms=END * 1000), END)
    assert again.rollup.ring.cells == cells


def test_an_empty_store_can_be_kept() -> None:
    assert thaw(freeze(Mesh().intake), 1_000_000, 5000).rollup.series == 0


def test_anything_else_is_refused(mesh: Mesh) -> None:
    data = freeze(mesh.intake)
    for bad in (b"", b"x", data[:-20], data[:200], b"\x97" + data[1:], data.replace(b"web-0", b"we\xff-0")):
        with pytest.raises(ValueError, match=r".*"):
            thaw(bad, 1_000_000, 5000)
