"""What workers are told: all that is in force when they start, then each change; of targets, those they follow."""

import logging

import pytest

from agents.runtime.drain import Drain
from agents.sidecar.crew.bulletin import Bulletin
from agents.sidecar.state.certs import Certificate, Certs
from agents.sidecar.state.counters import Counters
from agents.sidecar.state.endpoints import Directory
from agents.sidecar.state.peers import Peer
from agents.sidecar.state.runtime import Runtime
from agents.sidecar.state.taps import Taps
from meshcore.wire import discovery_pb2, policy_pb2, tap_pb2

ME = Peer(namespace="emojivoto", kind="deployment", name="web", pod="web-0")
VOTING = "voting.emojivoto:80"


class Worker:
    def __init__(self):
        self.said = []

    def tell(self, said):
        self.said.append(said)

    def heard(self):
        """Return what was said since the last time, by kind."""
        said, self.said = self.said, []
        return [(what := each.WhichOneof("said"), getattr(each, what)) for each in said]

    def kinds(self):
        return [kind for kind, _ in self.heard()]


def certificate(name):
    return Certificate("spiffe://x", name, b"key", "/proc/self/fd/9", 1.5, 2.5, "ab")


def update(*ids, snapshot=False, remove=()):
    put = [discovery_pb2.Endpoint(id=each, ip="127.0.0.1", port=1, weight=1) for each in ids]
    return discovery_pb2.EndpointsUpdate(snapshot=snapshot, exists=True, put=put, remove=remove)


@pytest.fixture
def runtime():
    return Runtime(
        me=ME,
        boot_id="b",
        counters=Counters(),
        taps=Taps(ME, "b", lambda: 0.0),
        certs=Certs(),
        drain=Drain(),
        log=logging.getLogger("test"),
        directory=Directory(limit=2),
        clock=lambda: 50.0,
    )


def test_a_worker_is_told_how_things_stand_and_then_what_changes(runtime):
    bulletin = Bulletin(runtime)
    runtime.rules.apply(policy_pb2.WorkloadPolicy(version=1))
    runtime.rules.apply(policy_pb2.WorkloadPolicy(version=2))
    runtime.taps.order(tap_pb2.TapOrder(id=1))
    runtime.taps.order(tap_pb2.TapOrder(id=2))
    runtime.taps.order(tap_pb2.TapOrder(id=1, cancel=True))
    runtime.certs.install(certificate(b"chain"), "anchors")
    worker = Worker()
    bulletin.join(worker)
    (_, policy), (_, order), (_, identity) = worker.heard()
    assert (policy.version, order.id) == (2, 2)
    assert (identity.chain_pem, identity.key_pem, identity.anchors_pem) == (b"chain", b"key", "anchors")
    assert (identity.not_before, identity.not_after, identity.serial) == (1.5, 2.5, "ab")
    runtime.rules.apply(policy_pb2.WorkloadPolicy(version=3))
    runtime.certs.trust("other anchors")
    runtime.taps.order(tap_pb2.TapOrder(id=2, cancel=True))
    runtime.taps.clear()
    assert worker.kinds() == ["policy", "identity", "order", "untap"]
    bulletin.leave(worker)
    runtime.taps.clear()
    assert worker.kinds() == []


def test_orders_end_with_their_stream(runtime):
    bulletin = Bulletin(runtime)
    runtime.taps.order(tap_pb2.TapOrder(id=1))
    runtime.taps.clear()
    worker = Worker()
    bulletin.join(worker)
    assert worker.kinds() == []


def test_before_there_is_an_identity_nothing_is_told_of_one(runtime):
    worker = Worker()
    Bulletin(runtime).join(worker)
    assert worker.kinds() == []


def test_the_zone_is_told_once_it_is_known(runtime):
    bulletin, early, late = Bulletin(runtime), Worker(), Worker()
    bulletin.join(early)
    assert early.kinds() == []
    runtime.directory.locate("a")
    runtime.directory.locate("a")  # said again with each registration
    bulletin.join(late)
    assert (early.heard(), late.heard()) == ([("zone", "a")], [("zone", "a")])
    runtime.directory.locate("b")
    assert (early.heard(), late.heard()) == ([("zone", "b")], [("zone", "b")])


def test_a_target_is_told_whole_at_first_and_then_by_changes(runtime):
    followed = []
    runtime.directory.follow = lambda known: followed.append(known.target)
    bulletin, early, late = Bulletin(runtime), Worker(), Worker()
    bulletin.follow(early, VOTING)
    assert early.kinds() == []  # discovery has not answered yet
    assert followed == [VOTING]
    runtime.discover(VOTING).apply(update("a", "b", snapshot=True))
    runtime.discover(VOTING).apply(update("c", remove=["a"]))
    told = [said.update for _, said in early.heard()]
    assert [[put.id for put in each.put] for each in told] == [["a", "b"], ["c"]]
    assert list(told[1].remove) == ["a"]
    bulletin.follow(late, VOTING)
    ((_, said),) = late.heard()
    assert (said.target, said.update.snapshot, said.update.exists) == (VOTING, True, True)
    assert [put.id for put in said.update.put] == ["b", "c"]
    assert followed == [VOTING]  # once for the whole sidecar
    bulletin.unfollow(early, VOTING)
    runtime.discover(VOTING).apply(update("d"))
    assert (early.kinds(), late.kinds()) == ([], ["target"])


def test_targets_from_before_the_workers_are_known_too(runtime):
    known = runtime.discover(VOTING)
    bulletin, worker = Bulletin(runtime), Worker()
    known.apply(update("a", snapshot=True))
    bulletin.follow(worker, VOTING)
    assert worker.kinds() == ["target"]


def test_a_target_that_finds_no_room_any_more_is_forgotten_by_the_workers(runtime):
    unfollowed = []
    runtime.directory.unfollow = lambda known: unfollowed.append(known.target)
    bulletin, worker = Bulletin(runtime), Worker()
    bulletin.follow(worker, "a.b:1")
    runtime.discover("c.d:1")  # nobody uses it
    bulletin.follow(worker, "e.f:1")
    assert unfollowed == ["c.d:1"]
    assert worker.kinds() == []
    runtime.directory.sets["e.f:1"].used = 60.0
    runtime.discover("g.h:1")
    assert [(kind, name) for kind, name in worker.heard()] == [("forget", "a.b:1")]
    bulletin.unfollow(worker, "a.b:1")  # crossed on the way
    assert unfollowed == ["c.d:1", "a.b:1"]
