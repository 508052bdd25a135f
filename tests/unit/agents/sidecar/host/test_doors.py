"""Doors as a configuration asks for them."""

import pytest

from agents.runtime.config import Inbound, Outbound
from agents.sidecar.engine.exchange import INBOUND, OUTBOUND
from agents.sidecar.host.doors import Doors, opaque
from meshcore.wire import common_pb2
from tests.support.playbook import make_doors


@pytest.fixture
def doors() -> Doors:
    return make_doors()


def test_the_application_is_on_this_machine_and_proves_nothing(doors: Doors) -> None:
    door = doors.application(Inbound(name="http", port=8080, protocol="grpc"))
    assert door.endpoint is not None
    assert (door.endpoint.ip, door.endpoint.port, door.endpoint.meshed) == ("127.0.0.1", 8080, False)
    assert (door.direction, door.service, door.protocol) == (INBOUND, ("shop", "web", 8080), common_pb2.GRPC)
    assert door.authority == b"web.shop:http"
    assert doors.application(Inbound(name="", port=8080)).authority == b"web.shop:8080"


def test_where_the_application_listens_may_be_said(doors: Doors) -> None:
    asked = doors.application(Inbound(name="http", port=80), "10.0.0.7").endpoint
    told = doors.application(Inbound(name="http", port=80, host="unix:/run/app"), "10.0.0.7").endpoint
    assert asked is not None
    assert told is not None
    assert (asked.ip, told.ip) == ("10.0.0.7", "unix:/run/app")


def test_an_upstream_is_looked_up_from_this_namespace(doors: Doors) -> None:
    door = doors.upstream(Outbound(target="voting:8080", listen="fd:3"))
    assert door.direction == OUTBOUND
    assert door.target is doors.runtime.discover("voting.shop:8080")
    assert (door.name, door.authority) == ("voting:8080", b"voting.shop:8080")


def test_the_proxys_clients_name_their_targets(doors: Doors) -> None:
    assert doors.proxy().proxy
    assert not doors.upstream(Outbound(target="voting", listen="fd:3")).proxy


@pytest.mark.parametrize(
    ("inbound", "expected"),
    [
        (Inbound(name="", port=8080), False),
        (Inbound(name="", port=8080, opaque=True), True),
        (Inbound(name="", port=8080, protocol="tcp"), True),
        (Inbound(name="", port=5432), True),
        (Inbound(name="", port=5432, protocol="http"), False),
    ],
)
def test_what_is_left_alone(inbound: Inbound, expected: bool) -> None:
    assert opaque(inbound) is expected
