"""All feeds against a small control plane over real gRPC and mutual TLS: start, loss, return, renewal, the way out."""

import asyncio
import logging
import time
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from agents.runtime.config import Listener, SidecarConfig
from agents.runtime.drain import Drain
from agents.sidecar.feeds.feeds import Feeds, RefusedError
from agents.sidecar.state.certs import Certs
from agents.sidecar.state.counters import INBOUND, Counters
from agents.sidecar.state.peers import Peer
from agents.sidecar.state.runtime import Runtime
from agents.sidecar.state.taps import Taps
from meshcore.wire import discovery_pb2, policy_pb2, tap_pb2
from tests.support.plane import NAME, TOKEN, Plane

ME = Peer(namespace="emojivoto", kind="deployment", name="web", pod="web-0", service_account="web")


def config(plane, token=TOKEN):
    return SidecarConfig(
        namespace="emojivoto",
        name="web",
        pod="web-0",
        trust_domain="local",
        identity_address=f"127.0.0.1:{plane.identity_port}",
        control_address=f"127.0.0.1:{plane.control_port}",
        control_name=NAME,
        anchors_pem=plane.anchors_pem,
        token=token,
        admin=Listener(listen="127.0.0.1:0"),
    )


def feeds_of(plane, token=TOKEN):
    runtime = Runtime(
        me=ME,
        boot_id="boot",
        counters=Counters(),
        taps=Taps(ME, "boot", time.monotonic),
        certs=Certs(),
        drain=Drain(),
        log=logging.getLogger("test"),
        config=config(plane, token),
    )
    port = discovery_pb2.InstancePort(name="http", port=80, proxy_ip="127.0.0.1", proxy_port=81)
    return Feeds(runtime, [port], 42), runtime


@asynccontextmanager
async def running(plane):
    await plane.start()
    feeds, runtime = feeds_of(plane)
    try:
        await feeds.start()
        await until(lambda: feeds.ready and feeds.uplink.up >= {"presence", "policy", "stats", "tap", "trust"})
        yield feeds, runtime
    finally:
        await feeds.stop(0.2)
        await plane.cut()


async def until(condition, limit=60.0):
    async with asyncio.timeout(limit):
        while not condition():
            await asyncio.sleep(0.01)


def count(runtime, requests):
    cell = runtime.counters.edge(INBOUND, Peer(name="bot"), "emojivoto", "web", 80, 1, "").http("", 1, 200, None, 1, "")
    cell.count += requests
    cell.buckets[3] += requests


def counted(plane, stream=None):
    """Add up what was pushed, as the real control plane does: each report once, keys by stream."""
    seen, total = set(), 0
    for number, report in plane.reports:
        if report.seq in seen or (stream is not None and number != stream):
            continue
        seen.add(report.seq)
        total += sum(delta.count for delta in report.http)
    return total


async def test_it_starts_and_says_who_it_is():
    plane = Plane()
    async with running(plane) as (_, runtime):
        (registration,) = plane.present
        assert registration.instance.pod == "web-0"
        assert registration.instance.boot_id == "boot"
        assert registration.instance.ports[0].proxy_port == 81
        assert plane.certified == [False]
        certificate = runtime.certs.current
        assert certificate.identity == "spiffe://local/ns/emojivoto/sa/web"
        assert b"PRIVATE KEY" in certificate.key_pem
        assert int(certificate.serial, 16) > 0


async def test_a_token_that_is_not_known_is_final():
    plane = Plane()
    await plane.start()
    feeds, _ = feeds_of(plane, token="stolen")
    try:
        with pytest.raises(RefusedError, match="UNAUTHENTICATED"):
            await feeds.start()
    finally:
        await feeds.stop(0.1)
        await plane.cut()


async def test_a_control_plane_with_other_anchors_is_not_believed():
    plane, stranger = Plane(), Plane()
    stranger.identity_port = plane.identity_port
    await stranger.start()
    feeds, runtime = feeds_of(plane)
    starting = asyncio.create_task(feeds.start())
    await asyncio.sleep(0.7)
    assert not starting.done()
    assert stranger.certified == []
    assert not runtime.certs.ready
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await feeds.stop(0.1)
    await stranger.cut()


async def test_it_waits_for_a_control_plane_that_is_late():
    plane = Plane()
    feeds, _ = feeds_of(plane)
    starting = asyncio.create_task(feeds.start())
    await asyncio.sleep(0.5)
    await plane.start()
    await asyncio.wait_for(starting, 30)
    await feeds.stop(0.1)
    await plane.cut()


async def test_a_lost_control_plane_is_found_again_within_seconds_and_counts_are_whole():
    plane = Plane()
    async with running(plane) as (feeds, runtime):
        count(runtime, 5)
        await until(lambda: counted(plane) == 5)
        await plane.cut()
        count(runtime, 7)
        await asyncio.sleep(1.5)
        assert feeds.ready  # goes on without it
        assert feeds.uplink.up == set()
        count(runtime, 1)
        await plane.start()
        began = time.monotonic()
        await until(lambda: feeds.uplink.up >= {"presence", "policy", "stats", "tap", "trust"})
        assert time.monotonic() - began < 20
        await until(lambda: counted(plane) == 13)
        assert len(plane.present) == 1


async def test_a_control_plane_that_forgot_is_told_again_with_all_keys():
    plane = Plane()
    async with running(plane) as (_, runtime):
        count(runtime, 5)
        await until(lambda: counted(plane) == 5)
        await plane.cut()
        plane.acked.clear()
        plane.reports.clear()
        await plane.start()
        count(runtime, 2)
        await until(lambda: counted(plane, stream=2) == 7)
        keys, edges = set(), set()
        for number, report in plane.reports:
            assert number == 2
            edges |= {edge.id for edge in report.edges}
            keys |= {key.id for key in report.http_keys}
            assert {key.edge for key in report.http_keys} <= edges
            assert {delta.key for delta in report.http} <= keys
        assert len(keys) == 1


async def test_endpoints_stay_while_the_control_plane_is_away_and_until_it_has_settled():
    plane = Plane()
    one, two = (discovery_pb2.Endpoint(id=name, ip="127.0.0.1", port=1, weight=1) for name in ("a", "b"))
    plane.endpoints.set(discovery_pb2.EndpointsUpdate(snapshot=True, exists=True, put=[one, two]))
    async with running(plane) as (_, runtime):
        endpoints = runtime.discover("voting.emojivoto:80")
        await until(lambda: len(endpoints.endpoints) == 2)
        await plane.cut()
        plane.endpoints.set(discovery_pb2.EndpointsUpdate(snapshot=True, exists=False))
        await plane.start()
        await until(lambda: len(plane.watched) >= 4)
        await asyncio.sleep(0.2)
        assert len(endpoints.endpoints) == 2
        plane.endpoints.set(discovery_pb2.EndpointsUpdate(exists=True, put=[two]))
        await asyncio.sleep(0.2)
        assert len(endpoints.endpoints) == 2
        await until(lambda: [endpoint.id for endpoint in endpoints.endpoints] == ["b"])


async def test_policy_is_applied_as_it_changes():
    plane = Plane()
    async with running(plane) as (_, runtime):
        await until(lambda: runtime.rules.version == 1)
        plane.policy.set(policy_pb2.WorkloadPolicy(version=2))
        await until(lambda: runtime.rules.version == 2)


async def test_certificates_are_renewed_and_streams_go_on():
    plane = Plane(life=timedelta(seconds=2))
    async with running(plane) as (_, runtime):
        first = runtime.certs.current
        await until(lambda: len(plane.certified) >= 3)
        assert plane.certified[1:] == [True] * len(plane.certified[1:])
        await until(lambda: runtime.certs.current.serial != first.serial)
        assert len(plane.present) == 1
        assert len(plane.hellos) == 1


async def test_anchors_follow_the_bundle():
    plane = Plane()
    async with running(plane) as (_, runtime):
        (more,) = Plane().authority.bundle
        plane.trust.set(plane.bundle(more))
        await until(lambda: runtime.certs.anchors_pem.count("BEGIN") == 2)
        plane.trust.set(type(plane.trust.value)())
        await asyncio.sleep(0.1)
        assert runtime.certs.anchors_pem.count("BEGIN") == 2


async def test_taps_are_ordered_delivered_and_forgotten_with_the_stream():
    plane = Plane()
    plane.orders.append(tap_pb2.TapOrder(id=9))
    async with running(plane) as (_, runtime):
        await until(lambda: runtime.taps.active)
        runtime.taps.add(tap_pb2.TapEvent(request_id="r"))
        runtime.taps.dropped += 3
        report = await asyncio.wait_for(plane.tapped.get(), 30)
        assert [event.request_id for event in report.events] == ["r"]
        assert report.dropped == 3
        plane.orders.clear()
        await plane.cut()
        await until(lambda: not runtime.taps.active)
        await plane.start()
        await until(lambda: len(plane.taps) == 2)
        assert not runtime.taps.active


async def test_on_the_way_out_it_says_so_and_hands_in_the_last_counts():
    plane = Plane()
    async with running(plane) as (feeds, runtime):
        feeds.drain()
        await until(lambda: plane.present[0].draining)
        count(runtime, 4)
        await feeds.stop()
        assert counted(plane) == 4
        await until(lambda: not plane.present)
