"""Only the API server's front proxy is believed, and only what it says in its own headers."""

import pytest

from meshcore.kube.review import User
from meshcore.services.access.caller import CallerError, FrontProxy, common_name, front_proxy, identify

CERTIFICATE = {"subject": ((("commonName", "front-proxy-client"),),)}
DATA = {
    "requestheader-client-ca-file": "-----BEGIN CERTIFICATE-----\n",
    "requestheader-allowed-names": '["front-proxy-client"]',
    "requestheader-username-headers": '["X-Remote-User"]',
    "requestheader-group-headers": '["X-Remote-Group"]',
    "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
}


@pytest.fixture
def front() -> FrontProxy:
    return front_proxy(DATA)


def test_user_groups_and_extras_come_from_the_headers(front: FrontProxy) -> None:
    headers = [
        ("X-Remote-User", "ann"),
        ("x-remote-group", "dev"),
        ("X-Remote-Group", "system:authenticated"),
        ("X-Remote-Extra-Acme.com%2Fproject", "p1"),
        ("X-Remote-Extra-Acme.com%2Fproject", "p2"),
        ("Authorization", "Bearer secret"),
    ]
    assert identify(front, CERTIFICATE, headers) == User(
        "ann", groups=("dev", "system:authenticated"), extra=(("acme.com/project", ("p1", "p2")),)
    )


@pytest.mark.parametrize(
    ("certificate", "headers", "why"),
    [
        (None, [("X-Remote-User", "admin")], "no client certificate"),
        ({}, [("X-Remote-User", "admin")], "no client certificate"),
        ({"subject": ((("commonName", "stranger"),),)}, [("X-Remote-User", "admin")], "'stranger' is none"),
        ({"subject": ()}, [("X-Remote-User", "admin")], "'' is none"),
        (CERTIFICATE, [], "in nobody's name"),
        (CERTIFICATE, [("X-Remote-User", "")], "in nobody's name"),
        (CERTIFICATE, [("X-Remote-User", "ann"), ("X-Remote-User", "admin")], "in nobody's name"),
        (CERTIFICATE, [("X-Remote-User", "ann\udcff")], "is no UTF-8"),
        (CERTIFICATE, [("X-Remote-User", "ann"), ("X-Remote-Group", "\udcff")], "is no UTF-8"),
        (CERTIFICATE, [("X-Remote-User", "ann"), ("X-Remote-Extra-Scopes", "\udcff")], "is no UTF-8"),
    ],
)
def test_anybody_else_is_refused(
    front: FrontProxy, certificate: dict[str, object] | None, headers: list[tuple[str, str]], why: str
) -> None:
    with pytest.raises(CallerError, match=why):
        identify(front, certificate, headers)


def test_without_allowed_names_the_ca_alone_decides() -> None:
    front = front_proxy(DATA | {"requestheader-allowed-names": "[]"})
    assert identify(front, {"subject": ((("commonName", "any"),),)}, [("X-Remote-User", "ann")]).name == "ann"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"requestheader-client-ca-file": ""}, "without an aggregation layer"),
        ({"requestheader-allowed-names": "front-proxy-client"}, "requestheader-allowed-names is no list"),
        ({"requestheader-username-headers": "[1]"}, "requestheader-username-headers is no list"),
    ],
)
def test_a_configmap_that_cannot_be_used_is_told(change: dict[str, str], why: str) -> None:
    with pytest.raises(CallerError, match=why):
        front_proxy(DATA | change)


def test_a_common_name_is_found_among_other_parts() -> None:
    subject = ((("organizationName", "o"),), (("commonName", "c"),))
    assert common_name({"subject": subject}) == "c"
