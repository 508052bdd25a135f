"""The webhook over HTTP: it answers whatever comes, and what it cannot judge passes."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from meshcore.services.validator import serve
from meshcore.services.validator.serve import PATH, Validator
from tests.support.kinds import good, spoilt

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def validator() -> Validator:
    return Validator()


@pytest.fixture
async def client(validator: Validator) -> AsyncIterator[Client]:
    app = web.Application()
    app.router.add_post(PATH, validator.validate)
    async with TestClient(TestServer(app)) as found:
        yield found


async def ask(client: Client, each: Any) -> dict[str, Any]:
    answer = await client.post(PATH, json={"request": {"uid": "u", "object": each}})
    assert answer.status == 200
    found: dict[str, Any] = (await answer.json())["response"]
    return found


async def test_it_answers_and_counts(client: Client, validator: Validator) -> None:
    assert (await ask(client, good("RateLimit")))["allowed"]
    assert not (await ask(client, spoilt("RateLimit", "total.requestsPerSecond", 0)))["allowed"]
    assert (validator.requests, validator.refused) == (2, 1)


async def test_a_failure_of_ours_lets_the_object_pass_and_says_so(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Any) -> None:
        raise KeyError("x")

    monkeypatch.setattr(serve, "review", fail)
    found = await ask(client, good("RateLimit"))
    assert (found["uid"], found["allowed"]) == ("u", True)
    assert "its log says more" in found["warnings"][0]
    assert "without a verdict" in caplog.text


@pytest.mark.parametrize("body", [b"", b"{", json.dumps({"request": 5}).encode(), b"[" * 100_000])
async def test_what_is_no_review_is_refused(client: Client, body: bytes) -> None:
    answer = await client.post(PATH, data=body)
    assert answer.status == 400
