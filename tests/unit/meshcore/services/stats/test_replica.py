"""Replicas that tell each other what their sidecars tell: whoever moves, stops or is lost, each report counts once."""

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshcore.services.stats.edges import edges
from meshcore.services.stats.intake import LAG_S, RETURN_S, Intake, Uplink
from meshcore.services.stats.journal import Follower, Journal
from meshcore.services.stats.pack import count_of
from meshcore.services.stats.query import stat
from meshcore.services.stats.replica import Replica
from meshcore.services.stats.ring import Ring
from meshcore.services.stats.rollup import Rollup
from meshcore.services.stats.roster import Roster
from meshcore.wire import common_pb2, discovery_pb2, stats_pb2
from meshcore.wire.peers_pb2 import Happening
from tests.support.traffic import NOW, peer

LATER = NOW + 3000
NAMES = ("a", "b", "c")


class Plane:
    """One replica: what it counted, and what it hears from which others."""

    def __init__(self) -> None:
        self.intake = Intake(Rollup(Ring()))
        self.journal = Journal(self.intake)
        self.links: dict[str, Link] = {}
        self.statuses: list[tuple[str, int]] = []
        self.least = 0

    def counted(self) -> int:
        tiles = self.intake.rollup.ring.tiles(NOW - 100, LATER)
        lines = [line for edge in self.intake.rollup.edges.values() for line in edge.lines.values()]
        return sum(count_of(line.track.total(tiles)) for line in lines if line.track is not None)

    def stop(self) -> None:
        for name in list(self.links):
            self.unlink(name)

    def unlink(self, name: str) -> None:
        if name in self.links:
            self.links.pop(name).lost()


class Link:
    """One replica hears from another; what is on the way waits until it is delivered."""

    def __init__(self, name: str, source: Plane, sink: Plane) -> None:
        self.waiting: deque[bytes] = deque()
        self.replica = Replica(
            name, sink.intake, lambda: LATER, lambda who, status: sink.statuses.append((who.pod, status.connections))
        )
        self.follower: Follower = source.journal.follow(lambda one: self.waiting.append(one.SerializeToString()))

    def deliver(self, count: int = 1_000_000) -> None:
        if not self.follower.more():
            for _ in range(min(count, len(self.waiting))):
                self.replica.take(Happening.FromString(self.waiting.popleft()))

    def lost(self) -> None:
        self.follower.leave()
        self.replica.lost()


class Sidecar:
    """One sidecar; it holds its reports, and tells those again that its replica has not counted."""

    def __init__(self, pod: str) -> None:
        self.pod = pod
        self.seq = 0
        self.home = ""
        self.reports: list[stats_pb2.StatsReport] = []
        self.uplink: Uplink | None = None

    def join(self, name: str, plane: Plane) -> None:
        hello = stats_pb2.StatsHello(self=peer(self.pod), boot_id="boot", oldest_seq=1)
        self.home, self.uplink = name, plane.intake.open(hello, LATER)
        plane.journal.opened(self.uplink)
        keys = stats_pb2.StatsReport(
            edges=[
                stats_pb2.EdgeKey(id=1, direction=common_pb2.INBOUND, peer=peer("bot-0"), tls=common_pb2.TLS_MUTUAL)
            ],
            http_keys=[stats_pb2.HttpKey(id=2, edge=1, status=200, classification=common_pb2.SUCCESS)],
        )
        self._send(plane, keys)
        after = self.uplink.boot.resume(1)
        for report in self.reports[after:]:
            self._send(plane, report)

    def leave(self, plane: Plane) -> None:
        assert self.uplink is not None
        plane.intake.close(self.uplink)
        plane.journal.closed(self.uplink)
        self.uplink = None

    def tell(self, plane: Plane) -> None:
        self.seq += 1
        report = stats_pb2.StatsReport(
            seq=self.seq,
            time_ms=(NOW + self.seq) * 1000,
            http=[stats_pb2.HttpDelta(key=2, count=self.seq, bucket=[3], bucket_count=[self.seq])],
            status=discovery_pb2.ProxyStatus(time_ms=self.seq, connections=self.seq),
        )
        self.reports.append(report)
        self._send(plane, report)

    def _send(self, plane: Plane, report: stats_pb2.StatsReport) -> None:
        assert self.uplink is not None
        self.uplink.take(report, LATER)
        plane.journal.took(self.uplink, report)


class World:
    """Three replicas and four sidecars."""

    def __init__(self) -> None:
        self.planes = {name: Plane() for name in NAMES}
        self.sidecars = [Sidecar(f"web-{number}") for number in range(4)]
        for sidecar, name in zip(self.sidecars, "abca", strict=True):
            sidecar.join(name, self.planes[name])
        for name in NAMES:
            self.follow(name)

    def follow(self, name: str) -> None:
        """Let a replica hear from all others, and them from it."""
        for other in NAMES:
            if other != name:
                for sink, source in ((name, other), (other, name)):
                    if source not in self.planes[sink].links:
                        self.planes[sink].links[source] = Link(source, self.planes[source], self.planes[sink])

    def settle(self) -> None:
        for plane in self.planes.values():
            for link in plane.links.values():
                while link.follower.more():
                    pass
                link.deliver()

    def move(self, sidecar: Sidecar, name: str) -> None:
        sidecar.leave(self.planes[sidecar.home])
        sidecar.join(name, self.planes[name])

    def kill(self, name: str, refuge: str) -> None:
        """Lose a replica with all it knew; a new one is whole before sidecars are led to it."""
        self.planes[name].stop()
        for other in NAMES:
            self.planes[other].unlink(name)
        for sidecar in self.sidecars:
            if sidecar.home == name:
                sidecar.join(refuge, self.planes[refuge])
        self.planes[name] = Plane()
        self.follow(name)
        for link in self.planes[name].links.values():
            while link.follower.more():
                pass
            link.deliver()

    @property
    def truth(self) -> int:
        return sum(sum(range(1, sidecar.seq + 1)) for sidecar in self.sidecars)

    def check(self) -> None:
        """Nobody ever counts more than there was, nor less than a moment ago."""
        for plane in self.planes.values():
            counted = plane.counted()
            assert plane.least <= counted <= self.truth
            plane.least = counted


steps = st.one_of(
    st.tuples(st.just("tell"), st.integers(0, 3), st.integers(1, 30)),
    st.tuples(st.just("move"), st.integers(0, 3), st.sampled_from(NAMES)),
    st.tuples(st.just("deliver"), st.permutations(NAMES), st.integers(1, 20)),
    st.tuples(st.just("break"), st.permutations(NAMES), st.just(0)),
    st.tuples(st.just("kill"), st.permutations(NAMES), st.just(0)),
)


@given(script=st.lists(steps, max_size=40))
@settings(max_examples=120, deadline=None)
def test_whatever_happens_each_report_counts_once_and_counts_never_fall(
    script: list[tuple[str, object, object]],
) -> None:
    world = World()
    for what, one, other in script:
        match what, one, other:
            case "tell", int(at), int(count):
                for _ in range(count):
                    world.sidecars[at].tell(world.planes[world.sidecars[at].home])
            case "move", int(at), str(name):
                world.move(world.sidecars[at], name)
            case "deliver", [str(sink), str(source), _], int(count):
                if source in world.planes[sink].links:
                    world.planes[sink].links[source].deliver(count)
            case "break", [str(sink), str(source), _], _:
                world.planes[sink].unlink(source)
                world.follow(sink)
            case "kill", [str(name), str(refuge), _], _:
                world.kill(name, refuge)
        world.check()
    world.settle()
    world.check()
    assert {plane.counted() for plane in world.planes.values()} == {world.truth}


def answers(intake: Intake) -> tuple[bytes, bytes]:
    window = stats_pb2.Window(length_ms=600_000)
    request = stats_pb2.StatRequest(
        targets=[common_pb2.Resource(kind="deployment")], window=window, points=30, step_ms=10_000
    )
    rows = stat(intake.rollup, Roster([]), request, NOW + 50, 0)
    pairs = edges(intake.rollup, Roster([]), stats_pb2.EdgesRequest(kind="pod", window=window), NOW + 50, 0)
    return rows.SerializeToString(deterministic=True), pairs.SerializeToString(deterministic=True)


def test_all_replicas_give_the_same_answers() -> None:
    world = World()
    world.settle()
    for sidecar in world.sidecars:
        for _ in range(50):
            sidecar.tell(world.planes[sidecar.home])
    world.settle()
    first, *others = (answers(world.planes[name].intake) for name in NAMES)
    assert others == [first, first]
    assert len(first[0]) > 100
    assert {pod for pod, _ in world.planes["c"].statuses} == {"web-0", "web-1", "web-3"}
    assert world.planes["a"].intake.connected() == 4


def test_a_window_waits_for_the_sidecars_of_a_replica_that_was_lost() -> None:
    world = World()
    plane = world.planes["a"]
    for sidecar in world.sidecars:
        for _ in range(20):
            sidecar.tell(world.planes[sidecar.home])
    world.settle()
    now = LATER
    plane.unlink("b")
    assert plane.intake.connected() == 3
    for sidecar in world.sidecars:
        if sidecar.home != "b":
            sidecar.seq = LATER - NOW + 4
            sidecar.tell(world.planes[sidecar.home])
    world.settle()
    assert plane.intake.watermark(now + 5) == int(now + 5 - RETURN_S) + 1
    assert plane.intake.watermark(now + RETURN_S + 1) > now + RETURN_S + 1 - LAG_S - 1


def test_another_versions_history_is_passed_over_once_said(caplog: pytest.LogCaptureFixture) -> None:
    plane = Plane()
    replica = Replica("meshtui-controller-2", plane.intake, lambda: LATER, lambda who, status: None)
    for _ in range(2):
        replica.take(Happening(counted=b"\x96\x07\x90\xc0\x90\x90\x90"))
    replica.take(Happening(whole=True))
    assert [record.message for record in caplog.records] == ["what another replica counted before is not known here"]
    assert plane.counted() == 0
