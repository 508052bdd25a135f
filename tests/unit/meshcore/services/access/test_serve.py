"""The aggregated API over real TLS, asked by the client's own channel and as curl would."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from aiohttp import web
from multidict import CIMultiDict

from meshcore.client import control, stats, tap
from meshcore.client.channel import Session, open_api
from meshcore.client.failure import HINT, ClientError, Elsewhere, trailing
from meshcore.kube.review import User
from meshcore.services.access import serve
from meshcore.services.access.caller import FrontProxy
from meshcore.services.access.form import Refusal
from meshcore.services.access.serve import Access
from meshcore.services.access.tls import Contexts
from meshcore.wire import common_pb2, control_pb2, stats_pb2, tap_pb2, version
from meshcore.wire.observe import ROOT
from tests.support.wait import until
from tests.support.x509 import Ca

Resource = common_pb2.Resource
HELLO = control_pb2.HelloResponse(
    version="9.9.9", protocol=version.PROTOCOL, oldest_protocol=version.OLDEST, mesh="meshtui", home="kubernetes"
)


class Services:
    """Answers just enough; `open` streams are counted."""

    def __init__(self) -> None:
        self.open = 0

    async def stat(self, request: stats_pb2.StatRequest, context: Any) -> stats_pb2.StatResponse:
        name = request.targets[0].name
        if name == "wbe":
            context.set_trailing_metadata(((HINT, b"did you mean web?"),))
            await context.abort(grpc.StatusCode.NOT_FOUND, "there is no deployment wbe")
        if name == "vault":
            context.set_trailing_metadata(trailing(Elsewhere("there is one in namespace bank")))
            await context.abort(grpc.StatusCode.NOT_FOUND, "there is no deployment vault")
        if name == "bug":
            raise ValueError("secret")
        return stats_pb2.StatResponse(rows=[stats_pb2.StatRow(resource=request.targets[0])])

    async def status(self, request: control_pb2.StatusRequest, context: Any) -> control_pb2.StatusResponse:
        return control_pb2.StatusResponse(mesh="meshtui", namespaces=[request.namespace or "all"])

    async def observe(self, request: tap_pb2.ObserveRequest, context: Any) -> AsyncIterator[tap_pb2.ObserveResponse]:
        if request.targets[0].name == "nope":
            await context.abort(grpc.StatusCode.NOT_FOUND, "there is no deployment nope")
        self.open += 1
        try:
            number = 0
            if request.targets[0].name == "slow":
                await asyncio.sleep(0.1)
            while not request.limit or number < request.limit:
                number += 1
                yield tap_pb2.ObserveResponse(sidecars=number)
                await asyncio.sleep(0.01)
            if request.targets[0].name == "breaks":
                raise ValueError("secret")
        finally:
            self.open -= 1


class Rights:
    """Ann may look at shop, and Zoe by one of her many groups; root at everything; of eve nobody can be asked."""

    def __init__(self) -> None:
        self.revoked = False
        self.away = False

    async def allowed(self, user: User, verb: str, resource: str, namespace: str) -> str:
        if self.away or user.name == "eve":
            raise Refusal(grpc.StatusCode.UNAVAILABLE, "nobody knows now: the API server is away", "ask again")
        if self.revoked:
            return "no rule any more"
        if user.name == "zoe":
            return "" if "group-0499" in user.groups else "no rule"
        return "" if user.name == "root" or (user.name == "ann" and namespace == "shop") else "no rule"


class Place:
    """A running API and ways to ask it."""

    def __init__(
        self, url: str, services: Services, rights: Rights, client: ssl.SSLContext, stranger: ssl.SSLContext
    ) -> None:
        self.url = url
        self.services = services
        self.rights = rights
        self.client = client
        self.stranger = stranger

    @asynccontextmanager
    async def get(
        self, path: str, headers: Mapping[str, str], tls: ssl.SSLContext | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        async with (
            aiohttp.ClientSession() as http,
            http.get(self.url + path, headers=headers, ssl=tls or self.client) as response,
        ):
            yield response

    async def session(self, user: str, namespace: str = "") -> Session:
        @asynccontextmanager
        async def fetch(path: str, accept: str) -> AsyncIterator[AsyncIterator[bytes]]:
            async with self.get(path, {"Accept": accept, "X-Remote-User": user}) as response:
                assert response.status == 200
                yield response.content.iter_any()

        return await open_api(fetch, "the cluster", namespace=namespace)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    front, serving = Ca("front"), Ca("serving")
    server = serving.issue(tmp_path / "server.pem", "localhost", dns="localhost")
    services, rights = Services(), Rights()
    access = Access(
        {
            "/meshtui.v1.StatsQuery/Stat": services.stat,
            "/meshtui.v1.Control/Status": services.status,
            "/meshtui.v1.TapQuery/Observe": services.observe,
        },
        front=lambda: FrontProxy(
            front.pem, frozenset({"front-proxy"}), ("X-Remote-User",), ("X-Remote-Group",), ("X-Remote-Extra-",)
        ),
        allowed=rights.allowed,
        hello=HELLO,
    )
    contexts = Contexts()
    contexts.renew(str(server), front.pem)
    runner = web.AppRunner(access.application(), **access.handler_args, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=contexts.listening)
    await site.start()
    port = runner.addresses[0][1]

    def client(name: str) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=serving.pem)
        context.load_cert_chain(front.issue(tmp_path / f"{name}.pem", name))
        return context

    yield Place(f"https://localhost:{port}", services, rights, client("front-proxy"), client("somebody"))
    await runner.cleanup()


def web_(namespace: str = "shop", name: str = "web") -> Resource:
    return Resource(namespace=namespace, kind="deployment", name=name)


async def test_the_same_questions_as_on_the_socket(place: Place) -> None:
    session = await place.session("ann")
    assert (session.hello.mesh, session.hello.home) == ("meshtui", "kubernetes")
    answer = await stats.stat(session, stats.stat_request([web_()]))
    assert answer.rows[0].resource.name == "web"
    assert [one.sidecars async for one in tap.observe(session, [web_()], limit=3)] == [1, 2, 3]


async def test_a_refusal_keeps_its_line_and_its_hint(place: Place) -> None:
    session = await place.session("ann")
    with pytest.raises(ClientError, match="there is no deployment wbe") as caught:
        await stats.stat(session, stats.stat_request([web_(name="wbe")]))
    assert (caught.value.code, caught.value.hint) == ("not_found", "did you mean web?")
    with pytest.raises(ClientError, match="there is no deployment nope"):
        await anext(tap.observe(session, [web_(name="nope")]))


@pytest.mark.parametrize(("user", "hint"), [("ann", ""), ("root", "there is one in namespace bank")])
async def test_what_other_namespaces_hold_is_told_to_whoever_may_see_them(place: Place, user: str, hint: str) -> None:
    with pytest.raises(ClientError, match="there is no deployment vault") as caught:
        await stats.stat(await place.session(user), stats.stat_request([web_(name="vault")]))
    assert caught.value.hint == hint


async def test_what_is_not_allowed_names_the_role_that_would(place: Place) -> None:
    session = await place.session("ann")
    for resource, where in ((web_("bank"), "in namespace bank"), (web_(""), "in all namespaces")):
        with pytest.raises(ClientError, match=f"ann may not get stats of observe.meshtui.dev {where}") as caught:
            await stats.stat(session, stats.stat_request([resource]))
        assert caught.value.code == "permission_denied"
        assert "--clusterrole meshtui-view --user ann" in caught.value.hint
    with pytest.raises(ClientError, match="ann may not watch taps") as tapped:
        await anext(tap.observe(session, [web_("bank")]))
    assert "--clusterrole meshtui-tap" in tapped.value.hint


async def test_a_right_that_cannot_be_looked_up_is_no_refusal_to_anybody(place: Place) -> None:
    session = await place.session("eve")
    for asked in (stats.stat(session, stats.stat_request([web_()])), anext(tap.observe(session, [web_()]))):
        with pytest.raises(ClientError, match="nobody knows now: the API server is away") as caught:
            await asked
        assert (caught.value.code, caught.value.hint, caught.value.lost) == ("unavailable", "ask again", True)
    for path in ("stats?name=web", "taps?name=web"):
        watch = "watch/" if path.startswith("taps") else ""
        async with place.get(f"{ROOT}/{watch}namespaces/shop/{path}", {"X-Remote-User": "eve"}) as response:
            body = await response.json()
        assert (response.status, body["code"], body["reason"]) == (503, 503, "ServiceUnavailable")
        assert body["message"] == "nobody knows now: the API server is away; ask again"
    assert place.services.open == 0


async def test_who_sees_one_namespace_gets_its_figures(place: Place) -> None:
    assert list((await control.status(await place.session("root", "shop"))).namespaces) == ["all"]
    assert list((await control.status(await place.session("ann", "shop"))).namespaces) == ["shop"]
    with pytest.raises(ClientError, match="may not get meshstatus"):
        await control.status(await place.session("ann"))


async def test_a_stream_ends_with_its_reader(place: Place) -> None:
    session = await place.session("ann")
    stream = tap.observe(session, [web_()])
    assert (await anext(stream)).sidecars == 1
    assert place.services.open == 1
    await stream.aclose()  # type: ignore[attr-defined]
    await until(lambda: place.services.open == 0)


async def test_a_stream_in_which_nothing_happens_gives_signs_of_life(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "ALIVE_S", 0.01)
    monkeypatch.setattr(serve, "FIRST_S", 0.01)
    path = f"{ROOT}/watch/namespaces/shop/taps?name=slow&limit=1"
    async with place.get(path, {"X-Remote-User": "ann"}) as response:
        text = await response.text()
    assert text.count("\n") > 3
    assert [json.loads(line)["sidecars"] for line in text.split("\n") if line] == [1]
    session = await place.session("ann")
    assert [one.sidecars async for one in tap.observe(session, [web_(name="slow")], limit=1)] == [1]


async def test_a_right_that_is_taken_away_ends_the_streams_that_it_opened(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "AGAIN_S", 0.01)
    session = await place.session("ann")
    stream = tap.observe(session, [web_()])
    assert (await anext(stream)).sidecars == 1
    place.rights.revoked = True
    with pytest.raises(ClientError, match="ann may not watch taps") as caught:
        async with asyncio.timeout(60):
            async for _ in stream:
                pass
    assert caught.value.code == "permission_denied"
    await until(lambda: place.services.open == 0)


async def test_a_right_that_cannot_be_looked_up_again_ends_no_stream(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "AGAIN_S", 0.01)
    stream = tap.observe(await place.session("ann"), [web_()], limit=9)
    assert (await anext(stream)).sidecars == 1
    place.rights.away = True
    async with asyncio.timeout(60):
        assert [one.sidecars async for one in stream] == list(range(2, 10))


async def test_somebody_may_be_in_many_groups(place: Place) -> None:
    who = CIMultiDict([("X-Remote-User", "zoe"), *(("X-Remote-Group", f"group-{each:04}") for each in range(1000))])
    async with place.get(f"{ROOT}/namespaces/shop/stats?name=web", who) as response:
        assert response.status == 200, await response.text()


async def test_a_fault_of_ours_is_told_without_its_inside(place: Place) -> None:
    session = await place.session("ann")
    with pytest.raises(ClientError, match="ValueError") as caught:
        await stats.stat(session, stats.stat_request([web_(name="bug")]))
    assert "secret" not in str(caught.value)
    with pytest.raises(ClientError, match="ValueError"):
        async for _ in tap.observe(session, [web_(name="breaks")], limit=1):
            pass


async def test_curl_reads_json(place: Place) -> None:
    user = {"X-Remote-User": "ann"}
    async with place.get(f"{ROOT}/namespaces/shop/stats?name=web", user) as response:
        assert (await response.json())["rows"][0]["resource"]["name"] == "web"
    async with place.get(f"{ROOT}/watch/namespaces/shop/taps?name=web&limit=2", user) as response:
        lines = (await response.text()).splitlines()
    assert [json.loads(line)["sidecars"] for line in lines] == [1, 2]
    for path, status, message in (
        (f"{ROOT}/namespaces/shop/stats?name=wbe", 404, "there is no deployment wbe; did you mean web?"),
        (f"{ROOT}/namespaces/shop/stats?nam=wbe", 400, "stats has no 'nam'"),
        (f"{ROOT}/namespaces/shop/gadgets", 404, "resources are meshstatus, checks, stats"),
        (f"{ROOT}/namespaces/bank/stats", 403, "ann may not get stats"),
    ):
        async with place.get(path, user) as response:
            body = await response.json()
        assert (response.status, body["code"]) == (status, status)
        assert message in body["message"]
    async with place.get(ROOT, user) as response:
        assert "stats" in {one["name"] for one in (await response.json())["resources"]}


async def test_kubectl_get_is_told_what_shows_the_figures(place: Place) -> None:
    table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    for path, query, accept, verb in (
        (f"{ROOT}/namespaces/shop/stats", "", table, "meshtui stat -n shop"),
        (f"{ROOT}/namespaces/shop/stats", "?limit=500", "application/json", "meshtui stat -n shop"),
        (f"{ROOT}/stats", "?limit=500", table, "meshtui stat -A"),
        (f"{ROOT}/namespaces/shop/meshstatus", "?limit=500", table, "meshtui check -n shop"),
    ):
        async with place.get(path + query, {"X-Remote-User": "ann", "Accept": accept}) as response:
            body = await response.json()
        assert (response.status, body["reason"]) == (400, "BadRequest")
        assert f"`{verb}` shows them, `kubectl get --raw {path}` prints them as JSON" in body["message"]


async def test_nobody_but_the_front_proxy_is_heard(place: Place, tmp_path: Path) -> None:
    user = {"X-Remote-User": "root"}
    async with place.get(f"{ROOT}/stats", user, place.stranger) as response:
        assert response.status == 401
        assert "'somebody' is none of the names" in (await response.json())["message"]
    async with place.get(ROOT, {}) as response:
        assert (response.status, (await response.json())["message"]) == (401, "the request is in nobody's name")
    bare = ssl.create_default_context()
    bare.check_hostname, bare.verify_mode = False, ssl.CERT_NONE
    async with place.get(f"{ROOT}/stats", user, bare) as response:
        assert response.status == 401
    foreign = ssl.create_default_context()
    foreign.check_hostname, foreign.verify_mode = False, ssl.CERT_NONE
    foreign.load_cert_chain(Ca("other").issue(tmp_path / "foreign.pem", "front-proxy"))
    with pytest.raises(aiohttp.ClientError):
        async with place.get(f"{ROOT}/stats", user, foreign) as response:
            await response.read()
