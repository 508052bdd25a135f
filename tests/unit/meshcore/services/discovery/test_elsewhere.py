"""Sidecars of other replicas: told of when they come and go, and in the inventory like our own."""

from meshcore.services.discovery.elsewhere import Elsewhere, Follower
from meshcore.services.discovery.registry import Registry
from meshcore.services.discovery.rows import rows
from meshcore.wire.discovery_pb2 import RUNNING, Instance, InstanceStatus
from meshcore.wire.peers_pb2 import Happening

WEB = Instance(namespace="shop", kind="deployment", name="web", pod="web-0", service_account="web", proxy_version="0.1")
IDENTITY = "spiffe://cluster.local/ns/shop/sa/web"


class World:
    """Two replicas of which the second hears what the first has."""

    def __init__(self) -> None:
        self.wall = 1000
        self.ours, self.theirs = (Registry(lambda: 0.0, lambda: self.wall) for _ in range(2))
        self.touched: list[set[tuple[str, str]]] = []
        self.elsewhere = Elsewhere(self.touched.append)
        for registry in (self.ours, self.theirs):
            registry.put(
                "kubernetes",
                InstanceStatus(namespace="shop", kind="deployment", name="web", pod="web-0", phase=RUNNING),
            )

    def follow(self) -> Follower:
        self.hearing = self.elsewhere.hear()
        return Follower(self.theirs, self.hearing.take)

    def row(self) -> tuple[bool, bool, int, str, str]:
        (pod,) = rows(self.ours, lambda *_: None, trust_domain="cluster.local", node="", away=self.elsewhere.find)
        return pod.meshed, pod.uplink, pod.uplink_since_ms, pod.identity, pod.proxy_version


def test_one_that_was_there_before_and_its_going_are_told() -> None:
    world = World()
    uplink = world.theirs.connect(WEB, IDENTITY)
    assert world.row()[:2] == (False, False)
    follower = world.follow()
    assert not follower.more()
    assert world.row() == (True, True, 1000, IDENTITY, "0.1")
    world.wall = 2000
    world.theirs.disconnect(uplink)
    assert world.row()[:2] == (False, False)
    assert world.touched == [{("shop", "web")}] * 2


def test_a_sidecar_that_moves_to_us_is_ours_whenever_that_is_heard() -> None:
    world = World()
    world.follow()
    world.theirs.connect(WEB, IDENTITY)
    world.wall = 3000
    world.ours.connect(WEB, IDENTITY)
    assert world.row() == (True, True, 3000, IDENTITY, "0.1")
    world.hearing.lost()
    assert world.row() == (True, True, 3000, IDENTITY, "0.1")


def test_a_sidecar_that_moves_between_two_others_is_always_somewhere() -> None:
    world = World()
    third = Registry(lambda: 0.0, lambda: world.wall)
    Follower(third, world.elsewhere.hear().take)
    world.follow()
    uplink = world.theirs.connect(WEB, IDENTITY)
    world.wall = 2000
    third.connect(WEB, IDENTITY)
    assert world.row()[:3] == (True, True, 2000)
    world.theirs.disconnect(uplink)
    assert world.row()[:3] == (True, True, 2000)


def test_what_a_lost_replica_said_is_forgotten_and_who_left_hears_nothing() -> None:
    world = World()
    follower = world.follow()
    uplink = world.theirs.connect(WEB, IDENTITY)
    world.theirs.update(uplink, None, draining=True)
    found = world.elsewhere.find("shop", "web-0")
    assert found is not None
    assert found.draining
    follower.leave()
    world.hearing.lost()
    assert world.row()[:2] == (False, False)
    world.theirs.connect(WEB, IDENTITY)
    assert world.row()[:2] == (False, False)
    world.hearing.take(Happening(whole=True))
    assert world.elsewhere.find("shop", "web-0") is None
