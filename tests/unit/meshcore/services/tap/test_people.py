"""What can be tapped, and what a person reads when something cannot."""

import pytest

from meshcore.services.tap.people import People, TapError
from meshcore.wire import common_pb2
from tests.support.traffic import peer, pod

db = pod("db-0", meshed=False)
db.unmeshed_reason = "mesh: false"
PEOPLE = People([pod("web-0"), pod("voting-0"), db])


def target(name: str, kind: str = "deployment", namespace: str = "emojivoto") -> common_pb2.Resource:
    return common_pb2.Resource(namespace=namespace, kind=kind, name=name)


@pytest.mark.parametrize(
    "good",
    [
        target("web"),
        target("voting-0", "pod"),
        target(""),
        target("", namespace=""),
        target("emojivoto", "namespace", ""),
    ],
)
def test_what_can_be_tapped(good: common_pb2.Resource) -> None:
    PEOPLE.check(good, [])


@pytest.mark.parametrize(
    ("bad", "code", "line", "hint"),
    [
        (target("wep"), "NOT_FOUND", "there is no deployment wep in namespace emojivoto", "did you mean web?"),
        (target("web-1", "pod"), "NOT_FOUND", "there is no pod web-1 in namespace emojivoto", "did you mean web-0?"),
        (target("web", namespace="emoji"), "NOT_FOUND", "there is no namespace emoji", "did you mean emojivoto?"),
        (target("nope", "namespace"), "NOT_FOUND", "there is no namespace nope", "namespaces are emojivoto"),
        (
            target("db"),
            "FAILED_PRECONDITION",
            "deployment db in namespace emojivoto cannot be tapped: mesh: false",
            "mesh",
        ),
        (target("web", "service"), "INVALID_ARGUMENT", "a service cannot be tapped", "try deployment/web"),
        (target("web", "podd"), "INVALID_ARGUMENT", "no kind of resource called 'podd'", "did you mean pod?"),
    ],
)
def test_what_cannot(bad: common_pb2.Resource, code: str, line: str, hint: str) -> None:
    with pytest.raises(TapError, match=line) as caught:
        PEOPLE.check(bad, [])
    assert caught.value.code == code
    assert hint in caught.value.hint


def test_an_attached_sidecar_needs_no_inventory() -> None:
    People([]).check(target("web"), [peer("web-0")])


def test_shared_identities_name_nobody() -> None:
    other = pod("other-0")
    other.identity = pod("web-0").identity
    bare = common_pb2.Peer(identity=other.identity)
    People([pod("web-0"), other]).name(bare)
    assert bare.name == ""


def test_addresses_name_instances() -> None:
    unmeshed = pod("db-0", meshed=False)
    unmeshed.address = "127.0.0.1:5432"
    bare = common_pb2.Peer(address="127.0.0.1:5432")
    People([unmeshed]).name(bare)
    assert (bare.name, bare.pod) == ("db", "db-0")


def test_addresses_of_ipv6_are_written_as_peers_have_them() -> None:
    six = pod("six-0", meshed=False)
    six.status.ports.add(name="http", port=80, proxy_ip="::1")
    bare = common_pb2.Peer(address="[::1]:80")
    People([six]).name(bare)
    assert bare.pod == "six-0"
