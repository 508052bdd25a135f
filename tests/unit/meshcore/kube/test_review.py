"""Reviews ask once, remember for seconds, and take nothing for a yes that is not one."""

from typing import Any

import pytest

from meshcore.kube.act import Act
from meshcore.kube.objects import ACCESS_REVIEWS, SELF_ACCESS_REVIEWS, TOKEN_REVIEWS
from meshcore.kube.review import Identified, Reviews, User, Verdict, identified, verdict
from tests.support.apiserver import api_server, asking

AUDIENCE = "identity.meshtui.dev"
POD = "authentication.kubernetes.io/pod-name"


def known(**status: Any) -> dict[str, Any]:
    user = {"username": "system:serviceaccount:shop:web", "uid": "7", "groups": ["g"], "extra": {POD: ["web-0"]}}
    return {"status": {"authenticated": True, "audiences": [AUDIENCE], "user": user, **status}}


def test_a_token_is_somebodys_for_an_audience() -> None:
    user = User("system:serviceaccount:shop:web", "7", ("g",), ((POD, ("web-0",)),))
    assert identified(known(), [AUDIENCE]) == Identified(user, (AUDIENCE,))
    assert user.service_account == ("shop", "web")
    assert user.said(POD) == "web-0"
    assert user.said("other") == ""
    assert User("jane").service_account is None


@pytest.mark.parametrize(
    ("reviewed", "reason"),
    [
        ({}, "the token is not valid"),
        ({"status": {"authenticated": False, "error": "token\nhas expired"}}, "token has expired"),
        (known(audiences=["https://kubernetes.default.svc"]), "the token is not for identity.meshtui.dev"),
        (known(audiences=None), "the token is not for identity.meshtui.dev"),
        (known(user={}), "the token names nobody"),
    ],
)
def test_a_token_that_is_nobodys(reviewed: dict[str, Any], reason: str) -> None:
    found = identified(reviewed, [AUDIENCE])
    assert found.user is None
    assert found.reason == reason


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"allowed": True, "reason": "RBAC: allowed"}, Verdict(True, "RBAC: allowed")),
        ({"allowed": True, "denied": True}, Verdict(False)),
        ({"allowed": False, "evaluationError": "no role"}, Verdict(False, "no role")),
        ({"allowed": "yes"}, Verdict(False)),
        ({}, Verdict(False)),
    ],
)
def test_only_a_yes_is_a_yes(status: dict[str, Any], expected: Verdict) -> None:
    assert verdict({"status": status}) == expected


async def test_reviews_are_asked_and_remembered() -> None:
    now = 0.0
    act = Act("watch", "observe.meshtui.dev", "deployments", "shop", "web", "tap")
    jane = User("jane", "1", ("dev",), (("scopes", ("a", "b")),))
    async with api_server() as server, asking(server) as session:
        server.reviews = {
            TOKEN_REVIEWS.path(): lambda spec: known()["status"],
            ACCESS_REVIEWS.path(): lambda spec: {"allowed": spec["user"] == "jane"},
            SELF_ACCESS_REVIEWS.path(): lambda spec: {"allowed": spec["resourceAttributes"]["verb"] == "watch"},
        }
        server.roles = ("identity", "access")
        reviews = Reviews(session, lambda: now)
        for _ in range(3):
            assert (await reviews.token("t", [AUDIENCE])).user is not None
            assert (await reviews.access(jane, act)).allowed
            assert not (await reviews.access(User("joe"), act)).allowed
        assert [each.body["spec"] for each in server.requests] == [
            {"token": "t", "audiences": [AUDIENCE]},
            {
                "user": "jane",
                "uid": "1",
                "groups": ["dev"],
                "extra": {"scopes": ["a", "b"]},
                "resourceAttributes": {
                    "verb": "watch",
                    "group": "observe.meshtui.dev",
                    "resource": "deployments",
                    "subresource": "tap",
                    "namespace": "shop",
                    "name": "web",
                },
            },
            {
                "user": "joe",
                "groups": [],
                "resourceAttributes": server.requests[1].body["spec"]["resourceAttributes"],
            },
        ]
        now = 5.0  # a refusal is forgotten sooner than a right
        await reviews.access(jane, act)
        await reviews.access(User("joe"), act)
        assert len(server.requests) == 4
        server.roles = None
        mine = await reviews.all_mine([act, Act("get", "", "pods")])
        assert [each.allowed for each in mine.values()] == [True, False]
