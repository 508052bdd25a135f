"""The rules as the kernel takes them: with every flag, again with other flags, beside somebody else's rules."""

import sys
from collections.abc import Iterator

import pytest

from tests.support.netns import World

families = pytest.mark.parametrize("version", [4, 6], ids=["IPv4", "IPv6"])
MANY = ",".join(map(str, range(7000, 7040)))  # more than one multiport match holds


@pytest.fixture
def world() -> Iterator[World]:
    with World(None) as made:
        made.pod("a", 1)
        yield made


@families
def test_every_flag_is_something_that_the_kernel_takes(world: World, backend: str, version: int) -> None:
    flags = ["--proxy-uid", "2103", "--inbound-port", "15006", "--outbound-port", "15001", "--admin-port", "15090"]
    skips = ["--skip-inbound-ports", f"{MANY},9000-9010", "--skip-outbound-ports", MANY]
    networks = ["--skip-networks", "10.96.0.0/12,fd96::/112"]
    world.redirect("a", "--backend", backend, *flags, *skips, *networks)
    rules = "\n".join(world.rules("a", backend, version))
    assert "--uid-owner 2103 -j RETURN" in rules
    assert "-j REDIRECT --to-ports 15006" in rules
    assert "-j REDIRECT --to-ports 15001" in rules
    assert rules.count("7039") == 2
    assert "9000:9010" in rules
    assert ("10.96.0.0/12" in rules, "fd96::/112" in rules) == (version == 4, version == 6)


@families
def test_other_flags_take_the_place_of_the_first(world: World, backend: str, version: int) -> None:
    world.redirect("a", "--backend", backend, "--skip-inbound-ports", "9000")
    world.redirect("a", "--backend", backend, "--skip-inbound-ports", "9001")
    rules = world.rules("a", backend, version)
    assert not any("9000" in rule for rule in rules)
    assert sum("9001" in rule for rule in rules) == 1
    assert sum("-j MESHTUI_" in rule for rule in rules) == 2


@families
def test_rules_of_somebody_else_stay(world: World, backend: str, version: int) -> None:
    tool = f"iptables-{backend}" if version == 4 else f"ip6tables-{backend}"
    own = ["-A", "PREROUTING", "-p", "tcp", "--dport", "22", "-j", "REDIRECT", "--to-ports", "2222"]
    assert world.run("a", [tool, "-t", "nat", *own]).returncode == 0
    world.redirect("a", "--backend", backend)
    first, *others = [rule for rule in world.rules("a", backend, version) if rule.startswith("-A PREROUTING")]
    assert "--dport 22 " in first
    assert len(others) == 1


def test_a_refusal_is_one_line_with_the_fix(world: World, backend: str) -> None:
    command = [sys.executable, "-m", "agents", "redirect", "--backend", backend]
    done = world.run("a", ["setpriv", "--bounding-set=-net_admin", *command])
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "NET_ADMIN" in done.stderr
