"""SPIFFE IDs and targets: what is read back is what was written; anything else is refused with its reason."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshcore.wire.ids import SpiffeId, Target, parse_address, parse_spiffe, parse_target

labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)


@given(labels, labels, labels)
def test_a_spiffe_id_reads_back(domain: str, namespace: str, account: str) -> None:
    spiffe = SpiffeId(domain, namespace, account)
    assert parse_spiffe(str(spiffe)) == spiffe


@pytest.mark.parametrize(
    "text",
    [
        "",
        "spiffe://",
        "https://local/ns/a/sa/b",
        "spiffe://local/ns/a/sa",
        "spiffe://local/ns/a/sa/b/c",
        "spiffe://local/sa/a/ns/b",
        "spiffe://LOCAL/ns/a/sa/b",
        "spiffe://local/ns/a b/sa/b",
        "spiffe://local/ns//sa/b",
        "spiffe://local/ns/a/sa/b?x",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="SPIFFE ID|DNS label|trust domain"):
        parse_spiffe(text)


@given(labels, labels, st.integers(1, 65535))
def test_a_target_reads_back(name: str, namespace: str, port: int) -> None:
    target = Target(name, namespace, str(port))
    assert parse_target(str(target), "elsewhere") == target


@pytest.mark.parametrize(
    ("authority", "target"),
    [
        ("web", Target("web", "shop", "")),
        ("web:http", Target("web", "shop", "http")),
        ("Web.Emojivoto:80", Target("web", "emojivoto", "80")),
        ("web.emojivoto.svc", Target("web", "emojivoto", "")),
        ("web.emojivoto.svc.cluster.local:80", Target("web", "emojivoto", "80")),
        ("10.0.0.1:80", None),
        ("web..x", None),
        ("web/x", None),
        ("", None),
        ("www.example.com.au", None),
    ],
)
def test_how_an_authority_is_read(authority: str, target: Target | None) -> None:
    assert parse_target(authority, "shop") == target


@given(st.ip_addresses(), st.integers(1, 65535))
def test_an_address_reads_back(ip: IPv4Address | IPv6Address, port: int) -> None:
    target = Target(str(ip), "", str(port))
    assert target.is_address
    assert parse_address(str(target)) == target


@pytest.mark.parametrize("text", ["", "web:80", "10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "[10.0.0.1]:80", "fd00::1:80"])
def test_what_is_no_address(text: str) -> None:
    assert parse_address(text) is None
