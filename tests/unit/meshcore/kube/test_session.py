"""A session asks as kubectl asks, within its time, and says what went wrong in a person's words."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop
from aiohttp import web

from meshcore.kube import transport
from meshcore.kube.cluster import Cluster
from meshcore.kube.credentials import Impersonation, TokenFile, bearer
from meshcore.kube.failure import CONFLICT, EXISTS, FORBIDDEN, NOT_FOUND, THROTTLED, KubeError
from meshcore.kube.objects import PODS, lean
from meshcore.kube.plugin import ExecPlugin, Plugin
from meshcore.kube.session import Session, open_cluster
from meshcore.kube.watch import Watch
from tests.cluster.support.authority import Authority
from tests.support.apiserver import ApiServer, api_server, asking, refusal

POD = PODS.path("shop", "web-0")


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with api_server() as running:
        yield running


async def test_an_object_is_written_read_changed_and_deleted(server: ApiServer) -> None:
    async with asking(server) as session:
        made = await session.create(PODS.path("shop"), PODS.new("web-0", "shop", spec={"a": 1}))
        assert made["metadata"]["resourceVersion"]
        assert (await session.get(POD))["spec"] == {"a": 1}
        assert (await session.patch(POD, {"spec": {"b": 2}}))["spec"] == {"a": 1, "b": 2}
        assert (await session.update(POD, {"spec": {"c": 3}}))["spec"] == {"c": 3}
        await session.delete(POD)
        with pytest.raises(KubeError) as caught:
            await session.get(POD)
        assert caught.value.code == NOT_FOUND


async def test_a_list_is_read_page_by_page(server: ApiServer) -> None:
    for number in range(7):
        server.put(PODS.path("shop", f"web-{number}"))
    async with asking(server) as session:
        listing = await session.list(PODS.path(), page=3)
    assert [each["metadata"]["name"] for each in listing.items] == [f"web-{number}" for number in range(7)]
    assert listing.version == str(server.version)
    assert [each.query.get("continue") for each in server.requests] == [None, "3", "6"]


async def test_a_request_says_who_asks_and_as_whom(server: ApiServer) -> None:
    jane = Impersonation("jane@example.org", ("dev", "ops"), "42", (("Scopes/x", ("a",)),))
    async with asking(server, credentials=bearer("secret\n"), impersonate=jane) as session:
        await session.get(PODS.path())
    asked = server.requests[0]
    assert asked.header("Authorization") == ["Bearer secret"]
    assert asked.header("Impersonate-User") == ["jane@example.org"]
    assert asked.header("Impersonate-Group") == ["dev", "ops"]
    assert asked.header("Impersonate-Uid") == ["42"]
    assert asked.header("Impersonate-Extra-scopes%2Fx") == ["a"]


async def test_groups_of_nobody_are_refused_before_anything_is_asked(server: ApiServer) -> None:
    with pytest.raises(KubeError, match="--as does not name"):
        Session(Cluster(server=server.url, impersonate=Impersonation(groups=("dev",))))


@pytest.mark.parametrize("token", ["a\nb", "a\rX-Evil: 1", "a\x00"])
async def test_a_token_that_no_header_can_carry_is_told(server: ApiServer, token: str) -> None:
    async with asking(server, credentials=bearer(token)) as session:
        with pytest.raises(KubeError, match="as Authorization holds a line break") as caught:
            await session.get("/version")
    assert token not in str(caught.value)
    async with asking(server, impersonate=Impersonation("ann\nbob")) as session:
        with pytest.raises(KubeError, match="as Impersonate-User holds a line break"):
            await session.get("/version")


async def test_a_busy_server_is_given_the_time_it_asks_for(server: ApiServer) -> None:
    async def busy(request: web.Request) -> web.Response:
        return refusal(429, "TooManyRequests", "please wait", headers={"Retry-After": "0"})

    server.script(PODS.path(), busy, busy)
    async with asking(server) as session:
        await session.get(PODS.path())
        assert len(server.requests) == 3
        server.script(PODS.path(), *[busy] * 10)
        with pytest.raises(KubeError) as caught:
            await session.get(PODS.path())
    assert caught.value.code == THROTTLED
    assert caught.value.lost
    assert len(server.requests) < 12


async def test_a_pause_longer_than_the_question_may_take_is_not_waited_for(server: ApiServer) -> None:
    async def busy(request: web.Request) -> web.Response:
        return refusal(429, "TooManyRequests", "please wait", headers={"Retry-After": "3600"})

    server.script(PODS.path(), busy)
    async with asking(server) as session:
        with pytest.raises(KubeError) as caught:
            await session.get(PODS.path())
    assert caught.value.retry_after == 3600


async def test_a_refused_token_is_read_again_once(server: ApiServer, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old\n")

    async def expired(request: web.Request) -> web.Response:
        token.write_text("new\n")
        return refusal(401, "Unauthorized", "Unauthorized")

    async def never(request: web.Request) -> web.Response:
        return refusal(401, "Unauthorized", "Unauthorized")

    async with asking(server, credentials=TokenFile(token)) as session:
        server.script(PODS.path(), expired)
        await session.get(PODS.path())
        assert [each.header("Authorization") for each in server.requests] == [["Bearer old"], ["Bearer new"]]
        server.script(PODS.path(), never)
        with pytest.raises(KubeError, match="does not accept these credentials"):
            await session.get(PODS.path())


async def test_an_answer_that_takes_too_long_is_given_up(server: ApiServer) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"{")
        await asyncio.sleep(30)
        return response

    server.script(PODS.path(), slow)
    async with asking(server) as session:
        with pytest.raises(KubeError, match="did not answer in time") as caught:
            await session.get(PODS.path(), within=0.2)
    assert caught.value.lost


async def test_nobody_there_is_said_with_the_address() -> None:
    session = Session(Cluster(server="http://127.0.0.1:1", context="home"))
    with pytest.raises(KubeError, match=r"http://127.0.0.1:1 \(context home\) cannot be reached") as caught:
        await session.get(PODS.path())
    await session.close()
    assert caught.value.lost


async def test_a_login_page_is_no_api_server(server: ApiServer) -> None:
    async def login(request: web.Request) -> web.Response:
        return web.Response(text="<html>log in</html>", content_type="text/html")

    async def elsewhere(request: web.Request) -> web.Response:
        raise web.HTTPFound("https://login.example.org/")

    server.script(PODS.path(), login, elsewhere)
    async with asking(server) as session:
        with pytest.raises(KubeError, match="text/html, not with an object"):
            await session.get(PODS.path())
        with pytest.raises(KubeError, match="a way to https://login"):
            await session.get(PODS.path())


async def test_refusals_keep_their_codes(server: ApiServer) -> None:
    async def forbidden(request: web.Request) -> web.Response:
        return refusal(403, "Forbidden", 'pods is forbidden: User "jane" cannot list resource "pods" in API group ""')

    server.script(PODS.path(), forbidden)
    server.put(POD)
    async with asking(server) as session:
        with pytest.raises(KubeError) as caught:
            await session.get(PODS.path())
        assert caught.value.code == FORBIDDEN
        with pytest.raises(KubeError) as caught:
            await session.create(PODS.path("shop"), PODS.new("web-0", "shop"))
        assert caught.value.code == EXISTS
        with pytest.raises(KubeError) as caught:
            await session.update(POD, {"metadata": {"resourceVersion": "1"}})
        assert caught.value.code == CONFLICT


async def test_a_stream_comes_as_it_is_written_and_silence_ends_it(server: ApiServer) -> None:
    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first")
        await asyncio.sleep(30)
        return response

    server.script("/stream", trickle)
    got = b""
    async with asking(server) as session:
        with pytest.raises(KubeError, match="said nothing for 0.3 s"):
            async with session.stream("/stream", idle=0.3) as chunks:
                async for chunk in chunks:
                    got += chunk
    assert got == b"first"


async def test_a_server_may_be_below_a_path(server: ApiServer) -> None:
    session = Session(Cluster(server=f"{server.url}/k8s/clusters/c-1"))
    await session.get(PODS.path(), {"limit": 1})
    await session.close()
    assert server.requests[0].path == f"/k8s/clusters/c-1{PODS.path()}"


async def test_a_proxy_is_asked_instead(server: ApiServer) -> None:
    async with asking(server) as session:
        through = Session(Cluster(server="http://api.example.org", proxy=server.url))
        await through.get(PODS.path())
        await through.close()
        assert session.cluster.proxy is None
    assert server.requests[0].header("Host") == ["api.example.org"]


async def test_a_kubeconfig_opens_a_session(server: ApiServer, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(
        f"""{{current-context: home, contexts: [{{name: home, context: {{cluster: c, user: u, namespace: shop}}}}],
        clusters: [{{name: c, cluster: {{server: "{server.url}"}}}}], users: [{{name: u, user: {{token: t}}}}]}}"""
    )
    async with open_cluster(str(config), as_user="jane", environ={}) as session:
        await session.get(PODS.path(session.namespace))
    assert server.requests[0].path == "/api/v1/namespaces/shop/pods"
    assert server.requests[0].header("Authorization") == ["Bearer t"]
    assert server.requests[0].header("Impersonate-User") == ["jane"]
    with pytest.raises(KubeError, match="there is no kubeconfig"):
        async with open_cluster(environ={"HOME": str(tmp_path)}):
            pass


def test_tls_certificates_and_plugins_over_the_control_planes_loop(tmp_path: Path) -> None:
    """Everything that touches the loop, over uvloop: TLS with both certificates, a plugin's process, a watch."""
    authority = Authority(tmp_path, "ca")
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.path))
    served.load_cert_chain(*authority.sign("server", "server", addresses=["127.0.0.1"]))
    served.verify_mode = ssl.CERT_REQUIRED
    certificate, key = authority.sign("jane", "jane")
    said = {"clientCertificateData": certificate.read_text(), "clientKeyData": key.read_text(), "token": "t"}
    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": said}
    (tmp_path / "says").write_text(json.dumps(credential))
    plugin = ExecPlugin(Plugin("cat", (str(tmp_path / "says"),)))

    async def ask() -> None:
        async with api_server(served) as server:
            server.put(POD)
            async with asking(server, ca=authority.pem, credentials=plugin) as session:
                watch = Watch(session, PODS.path(), lean)
                task = asyncio.create_task(watch.run())
                await asyncio.wait_for(watch.synced.wait(), 60)
                server.put(POD, spec={"a": 1})
                async with asyncio.timeout(60):
                    while not watch.state.events:
                        await asyncio.sleep(0.01)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                assert server.requests[0].header("Authorization") == ["Bearer t"]
            async with asking(server, ca=authority.pem) as session:
                with pytest.raises(KubeError, match="refused this client's certificate|broke"):
                    await session.get(PODS.path())

    uvloop.run(ask())


async def test_an_authority_that_was_replaced_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "AGAIN_S", 0.0)
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    old, new = Authority(tmp_path / "old", "ca"), Authority(tmp_path / "new", "ca")
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(*new.sign("server", "server", addresses=["127.0.0.1"]))
    async with api_server(served) as server:
        before = Cluster(server=server.url, ca=old.pem)
        now = before

        async def find() -> Cluster:
            return now

        session = Session(before, find)
        with pytest.raises(KubeError, match="is not trusted"):
            await session.get(PODS.path())
        now = replace(before, ca=new.pem)
        await session.get(PODS.path())
        await session.close()


async def test_who_logs_in_again_need_not_start_again(server: ApiServer, tmp_path: Path) -> None:
    """`kubectl` plugins for logging in write a new token into the kubeconfig."""
    config = tmp_path / "config"

    def log_in(token: str) -> None:
        user = f"users: [{{name: u, user: {{token: {token}}}}}]"
        config.write_text(
            f"""{{current-context: c, contexts: [{{name: c, context: {{cluster: c, user: u}}}}],
            clusters: [{{name: c, cluster: {{server: "{server.url}"}}}}], {user}}}"""
        )

    async def refuse(request: web.Request) -> web.Response:
        return refusal(401, "Unauthorized", "Unauthorized")

    log_in("old")
    async with open_cluster(str(config), environ={}) as session:
        await session.get(PODS.path())
        log_in("new")
        server.script(PODS.path(), refuse)
        await session.get(PODS.path())
        said = [each.header("Authorization")[0] for each in server.requests]
        assert said == ["Bearer old", "Bearer old", "Bearer new"]
        server.script(PODS.path(), refuse, refuse)  # and nothing new in the file
        with pytest.raises(KubeError, match="log in again|does not accept"):
            await session.get(PODS.path())
        assert len(server.requests) == 4
