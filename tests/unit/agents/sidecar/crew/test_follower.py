"""A worker's feed: what the lead says is applied, what is wanted here is told, and held back while it must be."""

import logging
import time
from pathlib import Path

import pytest

from agents.runtime.drain import Drain
from agents.sidecar.crew.follower import Follower
from agents.sidecar.state.certs import Certs
from agents.sidecar.state.counters import Counters
from agents.sidecar.state.endpoints import Directory
from agents.sidecar.state.peers import Peer
from agents.sidecar.state.runtime import Runtime
from agents.sidecar.state.taps import Taps
from meshcore.wire import discovery_pb2, policy_pb2, tap_pb2, worker_pb2
from meshcore.wire.worker_pb2 import ToWorker

ME = Peer(namespace="emojivoto", kind="deployment", name="web", pod="web-0")


class Channel:
    """The lead's ear: what it was told, except for what it was not asked for."""

    def __init__(self):
        self.paused = False
        self.room = None
        self.said = []

    def send(self, message):
        self.said.append(message)

    def heard(self, *kinds):
        said, self.said = self.said, []
        named = [(each.WhichOneof("said"), each) for each in said]
        return [getattr(each, kind) for kind, each in named if kind in kinds]


class Traffic:
    clients = 0


class Taker:
    taken = 0


@pytest.fixture
def channel():
    return Channel()


@pytest.fixture
def runtime():
    return Runtime(
        me=ME,
        boot_id="b",
        counters=Counters(),
        taps=Taps(ME, "b", time.monotonic),
        certs=Certs(),
        drain=Drain(),
        log=logging.getLogger("test"),
        directory=Directory(limit=2),
    )


@pytest.fixture
async def follower(runtime, channel):
    runtime.discover("declared.emojivoto:80")
    return Follower(runtime, Traffic(), Taker(), channel)


def identity(chain, anchors="anchors"):
    return ToWorker(identity=worker_pb2.WorkerIdentity(identity="spiffe://x", chain_pem=chain, anchors_pem=anchors))


async def test_an_identity_is_put_in_force_and_makes_it_ready_once(follower, runtime, channel):
    changes = []
    runtime.certs.subscribe(lambda: changes.append(runtime.certs.current.chain_pem))
    follower.hear(identity(b"one"))
    assert Path(runtime.certs.current.path).read_bytes() == b"one"
    follower.hear(identity(b"two"))
    follower.hear(identity(b"two", "other anchors"))
    assert changes == [b"one", b"two", b"two"]
    assert (runtime.certs.renewals, runtime.certs.anchors_pem) == (1, "other anchors")
    assert len(channel.heard("ready")) == 1


async def test_policy_taps_and_endpoints_are_applied(follower, runtime):
    follower.hear(ToWorker(policy=policy_pb2.WorkloadPolicy(version=4)))
    assert runtime.rules.version == 4
    follower.hear(ToWorker(order=tap_pb2.TapOrder(id=1)))
    assert [order.id for order in runtime.taps.active] == [1]
    follower.hear(ToWorker(untap=True))
    assert runtime.taps.active == ()
    put = discovery_pb2.Endpoint(id="a", ip="127.0.0.1", port=1, weight=1)
    told = worker_pb2.WorkerTarget(
        target="declared.emojivoto:80", update=discovery_pb2.EndpointsUpdate(exists=True, put=[put])
    )
    follower.hear(ToWorker(target=told))
    known = runtime.directory.sets["declared.emojivoto:80"]
    assert [endpoint.id for endpoint in known.endpoints] == ["a"]
    follower.hear(ToWorker(forget="declared.emojivoto:80"))
    assert runtime.directory.sets == {}
    follower.hear(ToWorker(target=told))  # crossed on the way
    assert runtime.directory.sets == {}


async def test_the_zone_divides_what_is_known_and_what_comes(follower, runtime):
    def put(*zones):
        return discovery_pb2.EndpointsUpdate(
            exists=True,
            put=[discovery_pb2.Endpoint(id=zone, ip="127.0.0.1", port=1, weight=1, zone=zone) for zone in zones],
        )

    known = runtime.directory.sets["declared.emojivoto:80"]
    known.apply(put("a", "b"))
    follower.hear(ToWorker(zone="b"))
    later = runtime.discover("later.emojivoto:80")
    later.apply(put("a", "b"))
    assert [[each.zone for each in target.zones.near.endpoints] for target in (known, later)] == [["b"], ["b"]]


async def test_targets_are_followed_and_left_as_applications_ask(follower, runtime, channel):
    assert channel.heard("follow") == ["declared.emojivoto:80"]
    runtime.discover("a.b:1").used = 1.0
    runtime.discover("c.d:1")
    assert channel.heard("follow", "unfollow") == ["a.b:1", "declared.emojivoto:80", "c.d:1"]


async def test_while_the_lead_does_not_keep_up_wishes_are_few_and_the_last_ones(follower, runtime, channel):
    channel.heard()
    channel.paused = True
    for number in range(50):
        runtime.discover(f"a{number}.b:1")
    follower.hear(ToWorker(policy=policy_pb2.WorkloadPolicy(version=4)))
    assert channel.heard("follow", "unfollow") == []
    channel.paused = False
    channel.room()
    assert sorted(channel.heard("follow", "unfollow")) == ["a48.b:1", "a49.b:1", "declared.emojivoto:80"]


async def test_a_question_is_answered_with_what_was_counted_and_seen_so_far(follower, runtime, channel):
    channel.heard()
    runtime.counters.inflight = 2
    runtime.taps.dropped += 3
    runtime.taps.add(tap_pb2.TapEvent(request_id="r"))
    follower.hear(ToWorker(ask=6))
    tap, report = channel.heard("tap", "report")
    assert ([event.request_id for event in tap.events], tap.dropped) == (["r"], 3)
    assert (report.answer, report.stats.status.inflight) == (6, 2)
