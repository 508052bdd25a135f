"""Patches change what they name, and say who changes it."""

import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from meshcore.kube import patch
from meshcore.kube.objects import CONFIG_MAPS
from meshcore.kube.session import Session
from tests.support.apiserver import ApiServer, api_server, asking

PATH = CONFIG_MAPS.path("mesh", "trust")


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with api_server() as running:
        yield running


@pytest.fixture
async def session(server: ApiServer) -> AsyncIterator[Session]:
    async with asking(server) as opened:
        yield opened


async def test_applying_creates_and_changes(server: ApiServer, session: Session) -> None:
    body = CONFIG_MAPS.new("trust", "mesh", data={"a": "1"})
    assert (await patch.apply(session, PATH, body))["data"] == {"a": "1"}
    asked = server.requests[0]
    assert asked.query == {"fieldManager": "meshtui", "force": "true"}
    assert asked.header("Content-Type") == ["application/apply-patch+yaml"]
    assert asked.body == body


async def test_merging_removes_what_is_none(server: ApiServer, session: Session) -> None:
    server.put(PATH, data={"a": "1", "b": "2"})
    assert (await patch.merge(session, PATH, {"data": {"a": None}}))["data"] == {"b": "2"}
    assert server.requests[0].header("Content-Type") == ["application/merge-patch+json"]


async def test_editing_sends_operations_in_turn(server: ApiServer, session: Session) -> None:
    got = []

    async def take(request: web.Request) -> web.Response:
        got.append((request.content_type, json.loads(await request.read())))
        return web.json_response({})

    server.script(PATH, take)
    where = patch.pointer("metadata", "annotations", "mesh.meshtui.dev/a~b")
    operations = [patch.expect(where, "1"), patch.replace(where, "2"), patch.add("/x/-", {}), patch.remove("/y")]
    await patch.edit(session, PATH, operations)
    assert got == [
        (
            "application/json-patch+json",
            [
                {"op": "test", "path": "/metadata/annotations/mesh.meshtui.dev~1a~0b", "value": "1"},
                {"op": "replace", "path": "/metadata/annotations/mesh.meshtui.dev~1a~0b", "value": "2"},
                {"op": "add", "path": "/x/-", "value": {}},
                {"op": "remove", "path": "/y"},
            ],
        )
    ]
