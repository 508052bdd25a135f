"""The control plane's addresses in place of its names: wanted or not, known or not, of either family."""

from meshcore.inject.addresses import resolved, services
from meshcore.inject.settings import Settings, read

NAMED = """images: {agents: "agents:1", controller: "controller:1"}
addresses: {identity: "meshtui-identity.mesh.svc:8080", control: "meshtui-control.mesh.svc:8086", byIp: WANTED}
"""
IDENTITY, CONTROL = ("mesh", "meshtui-identity"), ("mesh", "meshtui-control")


def settings(*, by_ip: bool) -> Settings:
    return read(NAMED.replace("WANTED", "true" if by_ip else "false"))


def test_names_stay_where_they_are_wanted() -> None:
    named = settings(by_ip=False)
    assert list(services(named)) == []
    assert resolved(named, {}) is named


def test_addresses_take_the_place_of_names_and_ports_stay() -> None:
    wanted = settings(by_ip=True)
    assert list(services(wanted)) == [IDENTITY, CONTROL]
    found = resolved(wanted, {IDENTITY: "10.0.0.1", CONTROL: "fd00::2"})
    assert found is not None
    assert (found.addresses.identity, found.addresses.control) == ("10.0.0.1:8080", "[fd00::2]:8086")
    assert found.addresses.name == wanted.addresses.name


def test_one_that_is_not_known_leaves_nothing_to_go_by() -> None:
    assert resolved(settings(by_ip=True), {IDENTITY: "10.0.0.1"}) is None
