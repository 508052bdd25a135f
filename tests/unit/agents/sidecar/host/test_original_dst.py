"""Which door a redirected connection gets, and what is refused, by what the kernel says of it."""

import errno
import socket
import struct
from typing import Any

import pytest

from agents.runtime.config import Inbound, Transparent
from agents.sidecar.engine.exchange import INBOUND, OUTBOUND
from agents.sidecar.host import original_dst
from agents.sidecar.host.doors import Doors
from agents.sidecar.host.original_dst import Inward, Outward, original
from meshcore.wire import discovery_pb2
from tests.support.playbook import make_doors


class Redirected:
    """An accepted socket that was going somewhere else; None: it was not."""

    def __init__(self, ip: str | None, port: int = 0) -> None:
        self.family = socket.AF_INET6 if ip is not None and ":" in ip else socket.AF_INET
        self.ip, self.port = ip, port

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        assert option == 80
        if self.ip is None:
            raise OSError(errno.ENOENT, "No such file or directory")
        packed = socket.inet_pton(self.family, self.ip)
        if self.family == socket.AF_INET6:
            assert (level, size) == (socket.IPPROTO_IPV6, 28)
            return struct.pack("@H", socket.AF_INET6) + struct.pack("!HI", self.port, 0) + packed + bytes(4)
        assert (level, size) == (socket.IPPROTO_IP, 16)
        return struct.pack("@H", socket.AF_INET) + struct.pack("!H", self.port) + packed + bytes(8)


def accepted(ip: str | None, port: int = 0) -> Any:
    return Redirected(ip, port)


@pytest.fixture
def doors() -> Doors:
    return make_doors(
        Transparent(inbound=("0.0.0.0:4143",), outbound=("127.0.0.1:4140",), addresses=("10.0.0.7", "fd00::7"))
    )


@pytest.fixture
def inward(doors: Doors) -> Inward:
    return Inward(doors, (4143, 4140), {8080: Inbound(name="http", port=8080, protocol="http")})


@pytest.fixture
def outward(doors: Doors) -> Outward:
    return Outward(doors, (4143, 4140))


@pytest.mark.parametrize("address", [("10.1.2.3", 80), ("fd00::1", 65535)])
def test_what_the_kernel_says(address: tuple[str, int]) -> None:
    assert original(accepted(*address)) == address


@pytest.mark.parametrize("ip", ["10.0.0.7", "fd00::7"])
def test_inbound_goes_to_the_port_and_the_address_that_were_dialled(inward: Inward, ip: str) -> None:
    door = inward.door(accepted(ip, 8080))
    assert door is not None
    assert door.endpoint is not None
    assert (door.direction, door.name, door.port, door.endpoint.ip) == (INBOUND, "http", 8080, ip)
    assert inward.door(accepted(ip, 8080)) is door
    other = inward.door(accepted(ip, 5432))  # described nowhere
    assert other is not None
    assert (other.name, other.port, other.opaque) == ("", 5432, True)


@pytest.mark.parametrize("address", [("10.0.0.7", 4143), ("fd00::7", 4140), ("10.0.0.8", 8080), ("127.0.0.1", 80)])
def test_inbound_that_is_for_nobody_here_is_refused(inward: Inward, address: tuple[str, int]) -> None:
    assert inward.door(accepted(*address)) is None


def test_what_nobody_redirected_is_refused(inward: Inward, outward: Outward) -> None:
    assert inward.door(accepted(None)) is None
    assert outward.door(accepted(None)) is None


def test_doors_are_bounded_and_their_connections_expire(inward: Inward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(original_dst, "DOORS", 2)
    first = inward.door(accepted("10.0.0.7", 1))
    inward.door(accepted("10.0.0.7", 2))
    assert first is not None
    assert first.endpoint is not None
    assert not first.endpoint.gone
    inward.door(accepted("10.0.0.7", 3))
    assert first.endpoint.gone
    assert inward.door(accepted("10.0.0.7", 1)) is not first


def test_outbound_is_discovered_by_address(outward: Outward, doors: Doors) -> None:
    door = outward.door(accepted("fd00::9", 8080))
    assert door is not None
    assert door.direction == OUTBOUND
    assert door.target is doors.runtime.directory.sets["[fd00::9]:8080"]
    assert door.target.exists is None
    assert outward.door(accepted("fd00::9", 8080)) is door
    assert not door.proxy


def test_an_address_that_nobody_has_is_gone_to_as_it_is(outward: Outward) -> None:
    door = outward.door(accepted("192.0.2.1", 443))
    assert door is not None
    assert door.target is not None
    door.target.apply(discovery_pb2.EndpointsUpdate(snapshot=True, exists=False))
    fallback = door.target.fallback
    assert fallback is not None
    assert (fallback.ip, fallback.port) == ("192.0.2.1", 443)
    assert fallback.peer.no_tls_reason == "not_provided_by_service_discovery"


def test_while_discovery_is_silent_the_reason_is_another(outward: Outward) -> None:
    door = outward.door(accepted("192.0.2.1", 443))
    assert door is not None
    alone = outward.undiscovered(door).target
    assert alone is not None
    assert alone.exists is False
    assert alone.fallback is not None
    assert alone.fallback.peer.no_tls_reason == "discovery_timeout"
    assert door.target is not None
    assert door.target.exists is None  # what discovery says later still holds
    assert outward.undiscovered(door).target is alone  # one for all such connections


def test_doors_without_discovery_are_bounded_too(outward: Outward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(original_dst, "DOORS", 1)
    one, other = outward.door(accepted("192.0.2.1", 443)), outward.door(accepted("192.0.2.2", 443))
    assert one is not None
    assert other is not None
    alone = outward.undiscovered(one).target
    assert alone is not None
    assert alone.fallback is not None
    outward.undiscovered(other)
    assert alone.fallback.gone


def test_who_knocks_all_the_time_does_not_fill_the_log(inward: Inward, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(5):
        inward.door(accepted("10.0.0.7", 4143))
    assert len(caplog.records) == 1


def test_a_target_that_was_dropped_is_followed_anew(outward: Outward, doors: Doors) -> None:
    door = outward.door(accepted("192.0.2.1", 443))
    doors.runtime.directory.sets.clear()
    assert outward.door(accepted("192.0.2.1", 443)) is not door


def test_servers_that_speak_first_are_not_waited_for(outward: Outward) -> None:
    mysql, http = outward.door(accepted("192.0.2.1", 3306)), outward.door(accepted("192.0.2.1", 80))
    assert mysql is not None
    assert http is not None
    assert (mysql.opaque, http.opaque) == (True, False)


@pytest.mark.parametrize("address", [("127.0.0.1", 4140), ("10.0.0.7", 4143), ("::1", 4140)])
def test_outbound_that_would_come_back_is_refused(outward: Outward, address: tuple[str, int]) -> None:
    assert outward.door(accepted(*address)) is None


def test_the_same_port_of_somebody_else_is_not_our_own(outward: Outward) -> None:
    assert outward.door(accepted("10.0.0.8", 4143)) is not None
