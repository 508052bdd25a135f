"""What RBAC says of a question to the mesh, and that an API server that says nothing has not said no."""

from typing import Any

import grpc
import pytest
from aiohttp import web

from meshcore.kube.objects import ACCESS_REVIEWS
from meshcore.kube.review import Reviews, User
from meshcore.services.access.allow import Rbac
from meshcore.services.access.form import Refusal
from tests.support.apiserver import Handler, api_server, asking, refusal

ANN = User("ann", groups=("staff",), extra=(("team", ("a", "b")),))
AGAIN = "ask again in a moment"


def answering(status: int, reason: str, message: str) -> Handler:
    async def answer(_: web.Request) -> web.StreamResponse:
        return refusal(status, reason, message)

    return answer


async def test_a_verdict_is_about_all_that_is_known_of_somebody() -> None:
    specs: list[dict[str, Any]] = []

    def decide(spec: dict[str, Any]) -> dict[str, Any]:
        specs.append(spec)
        return {"allowed": spec["resourceAttributes"].get("namespace") == "shop", "reason": ""}

    async with api_server() as server, asking(server) as session:
        server.reviews[ACCESS_REVIEWS.path()] = decide
        rbac = Rbac(Reviews(session), AGAIN)
        assert await rbac.allowed(ANN, "get", "stats", "shop") == ""
        assert await rbac.allowed(ANN, "get", "stats", "") == "no role allows it"
    assert [(spec["user"], spec["groups"], spec["extra"]) for spec in specs] == [
        ("ann", ["staff"], {"team": ["a", "b"]})
    ] * 2
    wanted = {"verb": "get", "group": "observe.meshtui.dev", "resource": "stats"}
    assert [spec["resourceAttributes"] for spec in specs] == [{**wanted, "namespace": "shop"}, wanted]


async def test_an_api_server_that_is_away_has_not_said_no() -> None:
    away = answering(503, "ServiceUnavailable", "etcd has no leader")
    async with api_server() as server, asking(server) as session:
        server.reviews[ACCESS_REVIEWS.path()] = lambda spec: {"allowed": True}
        server.script(ACCESS_REVIEWS.path(), *[away] * 10)
        rbac = Rbac(Reviews(session), AGAIN)
        with pytest.raises(Refusal, match="whether ann may get stats.* cannot be found out now.*etcd") as caught:
            await rbac.allowed(ANN, "get", "stats", "shop")
        assert (caught.value.code, caught.value.hint) == (grpc.StatusCode.UNAVAILABLE, AGAIN)
        server.scripts.clear()
        assert await rbac.allowed(ANN, "get", "stats", "shop") == ""  # what was not known is not remembered


async def test_a_control_plane_that_may_not_ask_says_what_would_help() -> None:
    async with api_server() as server, asking(server) as session:
        server.script(ACCESS_REVIEWS.path(), answering(403, "Forbidden", 'User "x" cannot create resource'))
        with pytest.raises(Refusal) as caught:
            await Rbac(Reviews(session), AGAIN).allowed(ANN, "get", "stats", "shop")
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    assert caught.value.hint
    assert caught.value.hint != AGAIN
