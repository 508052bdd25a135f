"""One value of the settings: whether it can be used."""

import pytest

from meshcore.inject import problems


@pytest.mark.parametrize("text", ["", "25", "25,9000-9010", "1-65535"])
def test_lists_of_ports(text: str) -> None:
    assert not problems.ports(text)


@pytest.mark.parametrize("text", ["0", "70000", "10-5", "a", "1,,2", "1-", "-1"])
def test_what_is_no_list_of_ports(text: str) -> None:
    assert problems.ports(text)


@pytest.mark.parametrize(
    ("text", "good"), [("100m", True), ("0.5", True), ("64Mi", True), ("", False), ("64 Mi", False)]
)
def test_quantities(text: str, good: bool) -> None:
    assert (not problems.quantity(text)) is good


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("meshtui/agents:0.1.0", True),
        ("registry.example.com:5000/a/b@sha256:0123", True),
        ("a", True),
        ("localhost:5000/a__b/c-d.e:V1_2", True),
        ("EU.example.com/a", True),
        ("a/B:1", False),
        ("a:b:c", False),
        ("a//b", False),
        ("a:.b", False),
        ("", False),
        (" ", False),
        ("a:b c", False),
        ("a:", False),
        ("/a", False),
    ],
)
def test_images(text: str, good: bool) -> None:
    assert (not problems.image(text)) is good


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("meshtui-identity.meshtui.svc.cluster.local:8080", True),
        ("meshtui-identity.meshtui.svc.:8080", True),
        ("10.0.0.1:8080", True),
        ("[fd00::1]:8080", True),
        ("fd00::1:8080", False),
        ("host", False),
        (":8080", False),
        ("host:0", False),
        ("host:65536", False),
        ("ho st:80", False),
    ],
)
def test_addresses(text: str, good: bool) -> None:
    assert (not problems.address(text)) is good


@pytest.mark.parametrize(("text", "good"), [("", True), ("10.0.0.0/8, fd00::/8", True), ("10.0.0.1/8", False)])
def test_networks(text: str, good: bool) -> None:
    assert (not problems.networks(text)) is good


@pytest.mark.parametrize(("text", "good"), [("cluster.local", True), ("a b", False), ("UPPER", False), ("", False)])
def test_trust_domains(text: str, good: bool) -> None:
    assert (not problems.domain(text)) is good


@pytest.mark.parametrize(
    ("text", "good"), [("1", True), ("64", True), ("65", False), ("0", False), ("9" * 5000, False)]
)
def test_workers(text: str, good: bool) -> None:
    assert (not problems.workers(text)) is good
