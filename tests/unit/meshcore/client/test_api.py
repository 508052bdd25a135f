"""What comes back instead of an answer, in a person's words."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from meshcore.client import stats
from meshcore.client.api import Answer, Fetch
from meshcore.client.channel import Session, open_api
from meshcore.client.failure import ClientError
from meshcore.wire import control_pb2, frames, observe, stats_pb2, version

HELLO = control_pb2.HelloResponse(version="9", protocol=version.PROTOCOL, oldest_protocol=1, home="kubernetes")


class Canned:
    """One answer, in pieces."""

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str] | None = None, size: int = 7) -> None:
        self.status = status
        self.headers = headers or {}
        self._body = body
        self._size = size

    async def chunks(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self._body), self._size):
            yield self._body[at : at + self._size]


def fetch_of(answer: Canned, greeting: Canned | None = None) -> Fetch:
    hello = greeting or Canned(200, b"{}", {observe.HELLO_HEADER: observe.pack(HELLO.SerializeToString())})

    @asynccontextmanager
    async def fetch(path: str, headers: Mapping[str, str]) -> AsyncIterator[Answer]:
        yield hello if path == observe.ROOT else answer

    return fetch


async def session_of(status: int, body: bytes = b"") -> Session:
    return await open_api(fetch_of(Canned(status, body)), "here")


async def ask(session: Session) -> stats_pb2.StatResponse:
    return await stats.stat(session, stats.stat_request([]))


def status_of(message: str) -> bytes:
    return json.dumps({"kind": "Status", "message": message}).encode()


async def test_an_answer_in_pieces_is_whole() -> None:
    row = stats_pb2.StatResponse(time_ms=7)
    body = frames.message(row.SerializeToString()) + frames.trailers({"grpc-status": "0"})
    assert await ask(await session_of(200, body)) == row


@pytest.mark.parametrize(
    ("status", "body", "code", "lost", "text"),
    [
        (401, status_of("Unauthorized"), "unauthenticated", False, "Unauthorized"),
        (403, status_of('stats is forbidden: User "ann"'), "permission_denied", False, 'User "ann"'),
        (404, b"404 page not found\n", "not_installed", False, "no mesh is installed"),
        (503, status_of("service unavailable"), "unavailable", True, "does not answer the API server: service"),
        (504, b"", "unavailable", True, "does not answer the API server"),
        (429, b"", "unavailable", True, "too much to do"),
        (500, b"<html>\nnoise", "unknown", False, "answered 500: <html>"),
        (200, b'{"kind":"List"}', "internal", False, "another protocol"),
        (200, frames.message(b"\xff\xff"), "internal", False, "no StatResponse"),
        (200, frames.trailers({"grpc-status": "0"}), "internal", False, "empty"),
        (200, b"", "cancelled", True, "ended the connection"),
        (200, frames.trailers({"grpc-status": "99", "grpc-message": "?"}), "unknown", False, "failed"),
    ],
)
async def test_each_failure_has_its_words(status: int, body: bytes, code: str, lost: bool, text: str) -> None:
    with pytest.raises(ClientError, match=text) as caught:
        await ask(await session_of(status, body))
    assert (caught.value.code, caught.value.lost) == (code, lost)


async def test_forbidden_and_expired_say_what_to_do() -> None:
    with pytest.raises(ClientError) as forbidden:
        await ask(await session_of(403, status_of("no")))
    assert "--clusterrole meshtui-view" in forbidden.value.hint
    with pytest.raises(ClientError) as expired:
        await ask(await session_of(401))
    assert "log in again" in expired.value.hint


async def test_a_stream_that_is_cut_is_lost_after_what_it_said() -> None:
    body = frames.message(stats_pb2.StatResponse(time_ms=1).SerializeToString())
    stream = stats.watch_stat(await session_of(200, body), stats.stat_request([]))
    assert (await anext(stream)).time_ms == 1
    with pytest.raises(ClientError) as caught:
        await anext(stream)
    assert caught.value.lost


async def test_somebody_elses_api_is_told() -> None:
    for greeting in (Canned(200, b"{}"), Canned(200, b"{}", {observe.HELLO_HEADER: "%%"})):
        with pytest.raises(ClientError, match="is not meshtui's"):
            await open_api(fetch_of(Canned(200, b""), greeting), "here")
    with pytest.raises(ClientError, match="no mesh is installed"):
        await open_api(fetch_of(Canned(200, b""), Canned(404, b"")), "here")


async def test_what_only_a_local_mesh_knows_is_said_to_be_elsewhere() -> None:
    session = await session_of(200)
    with pytest.raises(ClientError, match="on a local mesh's own socket"):
        await session.identity.IssueToken(None)  # type: ignore[arg-type]
    with pytest.raises(ClientError):
        session.inventory.Report(iter(()))
