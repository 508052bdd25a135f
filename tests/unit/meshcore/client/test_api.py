"""What comes back instead of an answer, in a person's words."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from meshcore.client import stats
from meshcore.client.api import Fetch
from meshcore.client.channel import Session, open_api
from meshcore.client.failure import ClientError
from meshcore.wire import control_pb2, frames, observe, stats_pb2, version

HELLO = control_pb2.HelloResponse(version="9", protocol=version.PROTOCOL, oldest_protocol=1, home="kubernetes")
DOCUMENT = json.dumps({observe.HELLO_MEMBER: observe.pack(HELLO.SerializeToString())}).encode()


def fetch_of(body: bytes, hello: bytes = DOCUMENT, size: int = 7) -> Fetch:
    """Return what answers every question with these bytes, in pieces."""

    async def chunks(whole: bytes) -> AsyncIterator[bytes]:
        for at in range(0, len(whole), size):
            yield whole[at : at + size]

    @asynccontextmanager
    async def fetch(path: str, accept: str) -> AsyncIterator[AsyncIterator[bytes]]:
        yield chunks(hello if path == observe.ROOT else body)

    return fetch


async def session_of(body: bytes = b"") -> Session:
    return await open_api(fetch_of(body), "here")


async def ask(session: Session) -> stats_pb2.StatResponse:
    return await stats.stat(session, stats.stat_request([]))


async def test_an_answer_in_pieces_is_whole() -> None:
    row = stats_pb2.StatResponse(time_ms=7)
    body = frames.message(row.SerializeToString()) + frames.trailers({"grpc-status": "0"})
    assert await ask(await session_of(body)) == row


@pytest.mark.parametrize(
    ("body", "code", "lost", "text"),
    [
        (b'{"kind":"List"}', "internal", False, "another protocol"),
        (frames.message(b"\xff\xff"), "internal", False, "no StatResponse"),
        (frames.trailers({"grpc-status": "0"}), "internal", False, "empty"),
        (b"", "cancelled", True, "ended the connection"),
        (frames.trailers({"grpc-status": "99", "grpc-message": "?"}), "unknown", False, "failed"),
    ],
)
async def test_each_failure_has_its_words(body: bytes, code: str, lost: bool, text: str) -> None:
    with pytest.raises(ClientError, match=text) as caught:
        await ask(await session_of(body))
    assert (caught.value.code, caught.value.lost) == (code, lost)


async def test_a_stream_that_is_cut_is_lost_after_what_it_said() -> None:
    body = frames.message(stats_pb2.StatResponse(time_ms=1).SerializeToString())
    stream = stats.watch_stat(await session_of(body), stats.stat_request([]))
    assert (await anext(stream)).time_ms == 1
    with pytest.raises(ClientError) as caught:
        await anext(stream)
    assert caught.value.lost


@pytest.mark.parametrize("document", [b"{}", b"[]", b"<html>", b'{"meshtuiHello": 7}', b'{"meshtuiHello": "%%"}'])
async def test_somebody_elses_api_is_told(document: bytes) -> None:
    with pytest.raises(ClientError, match="is not meshtui's"):
        await open_api(fetch_of(b"", document), "here")


async def test_what_only_a_local_mesh_knows_is_said_to_be_elsewhere() -> None:
    session = await session_of()
    with pytest.raises(ClientError, match="on a local mesh's own socket"):
        await session.identity.IssueToken(None)  # type: ignore[arg-type]
    with pytest.raises(ClientError):
        session.inventory.Report(iter(()))
