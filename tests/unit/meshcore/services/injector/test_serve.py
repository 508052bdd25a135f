"""The injector's answers when something is wrong: over HTTP, as the API server asks, and it refuses no pod."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from meshcore.inject.names import ENABLED, INJECT
from meshcore.inject.settings import Addresses, Images, Settings
from meshcore.services.injector import serve
from meshcore.services.injector.review import INJECTED, SKIPPED, Verdict
from meshcore.services.injector.serve import PATH, Injector

SETTINGS = Settings(
    images=Images(agents="agents:1", controller="c:1"), addresses=Addresses(identity="i:8080", control="c:8086")
)
POD: dict[str, Any] = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "a", "image": "a"}]}}


@dataclass
class Around:
    """What the injector is given; a test takes parts of it away."""

    settings: Settings | None = SETTINGS
    annotations: Callable[[str], Awaitable[Mapping[str, str]]] | None = None
    told: list[Verdict] = field(default_factory=list)
    url: str = ""
    injector: Injector | None = None

    async def namespace(self, name: str) -> Mapping[str, str]:
        return {INJECT: ENABLED} if self.annotations is None else await self.annotations(name)

    async def post(self, body: bytes, kind: str = "application/json") -> tuple[int, dict[str, Any]]:
        async with (
            aiohttp.ClientSession() as http,
            http.post(self.url, data=body, headers={"Content-Type": kind}) as response,
        ):
            return response.status, await response.json()

    async def response(self, pod: Any, **more: Any) -> dict[str, Any]:
        """Have a pod reviewed, which has to end well; return the response in the review."""
        request = {"uid": "u-1", "namespace": "shop", "kind": {"kind": "Pod"}, "object": pod, **more}
        status, body = await self.post(json.dumps({"request": request}).encode())
        assert (status, body["kind"], body["response"]["uid"]) == (200, "AdmissionReview", "u-1")
        assert body["response"]["allowed"] is True
        found: dict[str, Any] = body["response"]
        return found


@pytest.fixture
async def around() -> AsyncIterator[Around]:
    found = Around()
    async with served(found, found.told.append):
        yield found


@asynccontextmanager
async def served(found: Around, told: Callable[[Verdict], None]) -> AsyncIterator[None]:
    found.injector = Injector(
        settings=lambda: found.settings,
        anchors=lambda: "anchors",
        namespace=found.namespace,
        told=told,
        sleeps=lambda: True,
    )
    app = web.Application()
    app.router.add_post(PATH, found.injector.mutate)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}"
    try:
        yield
    finally:
        await runner.cleanup()


async def test_a_pod_gets_its_sidecar(around: Around) -> None:
    answer = await around.response(POD)
    assert answer["patchType"] == "JSONPatch"
    assert "warnings" not in answer
    assert [verdict.event for verdict in around.told] == [INJECTED]


async def test_without_settings_pods_go_on_and_whoever_made_them_is_told(around: Around) -> None:
    around.settings = None
    answer = await around.response(POD)
    assert "patch" not in answer
    assert answer["warnings"] == [
        "no meshtui sidecar: the injector has no settings it can use; see ConfigMap meshtui-config"
    ]
    assert [(verdict.event, verdict.pod, verdict.namespace) for verdict in around.told] == [(SKIPPED, POD, "shop")]


async def test_a_namespace_that_nobody_answers_for_holds_no_pod_up(
    around: Around, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(_: str) -> Mapping[str, str]:
        await asyncio.Event().wait()
        return {}

    monkeypatch.setattr(serve, "NAMESPACE_S", 0.01)
    around.annotations = silent
    answer = await around.response(POD)
    assert answer["warnings"] == ["no meshtui sidecar: what namespace shop asks for could not be read in time"]
    assert [verdict.event for verdict in around.told] == [SKIPPED]


async def test_a_dry_run_is_answered_and_told_to_nobody(around: Around) -> None:
    assert "patch" in await around.response(POD, dryRun=True)
    around.settings = None
    assert "warnings" in await around.response(POD, dryRun=True)
    assert around.told == []


async def test_a_fault_of_the_injectors_own_is_logged_and_no_pods(
    around: Around, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_: str) -> Mapping[str, str]:
        raise KeyError("a bug")

    around.annotations = broken
    answer = await around.response(POD)
    assert answer["warnings"] == ["no meshtui sidecar: the injector failed; its log says more"]
    assert "a pod went on without a verdict" in caplog.text
    assert around.injector is not None
    assert around.injector.verdicts == {SKIPPED: 1}
    around.annotations = None
    assert "patch" in await around.response(POD)  # and the next one is well


@pytest.mark.parametrize(
    "pod",
    [
        {"metadata": "x", "spec": {"containers": []}},
        {"metadata": {"annotations": {INJECT: ENABLED}}, "spec": {"containers": ["x"]}},
        {"metadata": {"annotations": {INJECT: ["enabled"]}}, "spec": []},
        {"metadata": {"ownerReferences": [7], "annotations": {INJECT: ENABLED}}, "spec": {"containers": []}},
    ],
)
async def test_a_pod_that_makes_no_sense_is_for_the_api_server_to_refuse(around: Around, pod: dict[str, Any]) -> None:
    answer = await around.response(pod)
    assert "patch" not in answer


async def test_what_is_no_pod_goes_on_without_a_word(around: Around) -> None:
    for pod, kind in ((None, "Pod"), ("x", "Pod"), (POD, "PodExecOptions")):
        answer = await around.response(pod, kind={"kind": kind})
        assert set(answer) == {"uid", "allowed"}


async def test_a_verdict_that_cannot_be_told_is_a_verdict(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: Verdict) -> None:
        raise AttributeError("a bug")

    found = Around()
    async with served(found, broken):
        assert "patch" in await found.response(POD)
    assert "a verdict could not be told" in caplog.text


async def test_any_content_type_is_read_as_what_the_api_server_sends(around: Around) -> None:
    request = {"uid": "u-1", "namespace": "shop", "kind": {"kind": "Pod"}, "object": POD}
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/octet-stream"):
        status, body = await around.post(json.dumps({"request": request}).encode(), kind)
        assert (status, body["response"]["allowed"], "patch" in body["response"]) == (200, True, True)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"request": {}}', b'{"request": {"uid": 7}}']
)
async def test_what_is_no_review_is_told_so_and_is_about_no_pod(around: Around, body: bytes) -> None:
    status, said = await around.post(body)
    assert status == 400
    assert said["message"]
    assert around.told == []
