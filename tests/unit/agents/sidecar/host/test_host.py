"""What clients of the proxy port may name, and what comes of it."""

import pytest

from agents.sidecar.host.host import TARGETS
from agents.sidecar.host.pool import Pool
from tests.support.playbook import Playbook, endpoints


@pytest.mark.parametrize(
    ("authority", "target", "fallback"),
    [
        (b"emoji", "emoji.default", "emoji:80"),
        (b"emoji.emojivoto:8080", "emoji.emojivoto:8080", "emoji.emojivoto:8080"),
        (b"Emoji.Emojivoto.svc.cluster.local:8080", "emoji.emojivoto:8080", "emoji.emojivoto.svc.cluster.local:8080"),
        (b"emoji.emojivoto:grpc", "emoji.emojivoto:grpc", None),
        (b"10.1.2.3:9000", "10.1.2.3:9000", "10.1.2.3:9000"),
        (b"[::1]:9000", "[::1]:9000", "::1:9000"),
        (b"www.example.com", "www.example.com", "www.example.com:80"),
    ],
)
def test_names(authority: bytes, target: str, fallback: str | None) -> None:
    found = Playbook().host.target(authority)
    assert found is not None
    assert found.target == target
    assert (found.fallback.peer.address if found.fallback else None) == fallback


@pytest.mark.parametrize("authority", [b"", b"a:99999", b"127.0.0.1:4140"])
def test_what_cannot_be_dialled(authority: bytes) -> None:
    host = Playbook().host
    host.forbidden.add(b"127.0.0.1:4140")
    assert host.target(authority) is None


def test_the_same_name_is_the_same_target_and_followed_once() -> None:
    host = Playbook().host
    assert host.target(b"emoji") is host.target(b"emoji.default")
    assert list(host.runtime.directory.sets) == ["emoji.default"]


def test_elsewhere() -> None:
    host = Playbook().host
    target = endpoints("10.0.0.1:80", "10.0.0.2:80")
    one, other = target.endpoints
    assert host.elsewhere(target, one, 0.0) is other
    assert host.elsewhere(endpoints("10.0.0.1:80"), one, 0.0) is not one
    assert host.elsewhere(None, one, 0.0) is None


def test_addresses_that_are_forgotten_leave_no_pool_behind() -> None:
    host = Playbook().host
    for number in range(TARGETS + 2):
        found = host.target(b"10.0.%d.%d:80" % (number >> 8, number & 255))
        assert found is not None
        assert found.fallback is not None
        found.fallback.pool = Pool(host, found.fallback)
    host.sweep(0.0)
    (left,) = host.pools
    assert left.endpoint is found.fallback


def test_a_target_that_discovery_follows_no_longer_is_looked_for_anew() -> None:
    host = Playbook().host
    first = host.target(b"emoji.shop")
    assert first is not None
    host.runtime.directory.drop(first)
    again = host.target(b"emoji.shop")
    assert again is not first
    assert host.runtime.directory.sets["emoji.shop"] is again
