"""Dividing endpoints by zone: who is near, and how much of the load may stay there."""

import pytest

from agents.sidecar.state.endpoints import Directory, Endpoint
from agents.sidecar.state.peers import Peer
from agents.sidecar.state.zones import divide, group, relate
from meshcore.wire import discovery_pb2


def make(zones: str, *weights: int) -> list[Endpoint]:
    made = [Endpoint("10.0.0.1", number, peer=Peer(), zone=zone.strip("-")) for number, zone in enumerate(zones, 1)]
    for endpoint, weight in zip(made, weights, strict=False):
        endpoint.weight = weight
    return made


@pytest.mark.parametrize(
    ("zones", "share"),
    [
        ("ab", 1.0),
        ("aabb", 1.0),
        ("aaab", 1.0),
        ("abb", 0.8),  # 1.2 · 2 zones · 1 of 3
        ("abbb", 0.6),
        ("abc", 1.0),
        ("abbcc", 0.72),
        ("ab-", 1.0),  # where nobody knows, it is elsewhere
    ],
)
def test_as_much_stays_as_the_zone_s_endpoints_can_bear(zones: str, share: float) -> None:
    divided = divide(make(zones), "a")
    assert divided is not None
    assert divided.share == pytest.approx(share)
    assert {endpoint.zone for endpoint in divided.near.endpoints} == {"a"}
    assert len(divided.near.endpoints) + len(divided.far.endpoints) == len(zones)


@pytest.mark.parametrize(("zones", "own"), [("ab", ""), ("ab", "c"), ("aa", "a"), ("", "a"), ("--", "a")])
def test_nothing_to_divide(zones: str, own: str) -> None:
    assert divide(make(zones), own) is None


def test_weight_is_what_counts() -> None:
    divided = divide(make("abb", 4, 1, 1), "a")
    assert divided is not None
    assert divided.share == 1.0
    divided = divide(make("abb", 0, 1, 1), "a")
    assert divided is None


def test_equal_weights_need_no_bounds() -> None:
    assert group(make("aaa", 5, 5, 5)).bounds == ()
    assert group(make("aaaa", 5, 0, 1, 2)).bounds == (5, 6, 8)


def test_weights_are_seen_against_the_mean() -> None:
    endpoints = make("aa", 100, 300)
    relate(endpoints)
    assert [endpoint.share for endpoint in endpoints] == [0.5, 1.5]
    relate([])


def test_a_zone_that_is_learned_later_divides_what_is_known() -> None:
    directory = Directory()
    found = directory.discover("web.default")
    update = discovery_pb2.EndpointsUpdate(snapshot=True, exists=True)
    for zone in "ab":
        update.put.add(id=zone, ip="10.0.0.1", port=ord(zone), weight=1, zone=zone)
    found.apply(update)
    assert found.zones is None
    directory.locate("b")
    assert found.zones is not None
    assert [endpoint.id for endpoint in found.zones.near.endpoints] == ["b"]
    assert directory.discover("other.default").zone == "b"
