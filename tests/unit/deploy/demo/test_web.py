import json
from collections.abc import AsyncIterator

import emoji
import emoji_pb2
import grpc
import pytest
import rpc
import voting_pb2
from catalog import EMOJI, rpc_name
from httpd import Request, Response
from voting import Poll
from web import Web


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    """The page over real backends on one server."""
    poll = Poll(delay=0, failure_rate=0)
    votes: dict[str, rpc.Method] = {rpc_name(code): poll.vote(code) for code in EMOJI}
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (
            rpc.handlers(
                emoji_pb2, "EmojiService", {"ListAll": emoji.list_all, "FindByShortcode": emoji.find_by_shortcode}
            ),
            rpc.handlers(voting_pb2, "VotingService", {**votes, "Results": poll.results}),
        )
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Web(channel, channel, "<hello>")
    await server.stop(None)


async def get(web: Web, path: str, **query: str) -> tuple[int, object]:
    reply: Response = await web.answer(Request("GET", path, query, {"traceparent": "00-1-2-01"}))
    return reply.status, json.loads(reply.body) if reply.content_type == "application/json" else reply.body


async def test_votes_are_counted_and_the_doughnut_always_fails(web: Web) -> None:
    status, everything = await get(web, "/api/list")
    assert status == 200
    assert isinstance(everything, list)
    assert len(everything) == len(EMOJI)
    assert await get(web, "/api/vote", choice=":fox:") == (200, {"voted": ":fox:"})
    assert await get(web, "/api/vote", choice=":fox:") == (200, {"voted": ":fox:"})
    assert await get(web, "/api/vote", choice=":owl:") == (200, {"voted": ":owl:"})
    assert await get(web, "/api/vote", choice=":doughnut:") == (
        500,
        {"error": "nobody may vote for :doughnut:", "code": "UNKNOWN"},
    )
    assert await get(web, "/api/leaderboard") == (
        200,
        [
            {"shortcode": ":fox:", "unicode": "🦊", "votes": 2},
            {"shortcode": ":owl:", "unicode": "🦉", "votes": 1},
        ],
    )


@pytest.mark.parametrize("query", [{}, {"choice": ":nothing:"}, {"choice": "results"}])
async def test_what_cannot_be_voted_for_is_a_wrong_request(web: Web, query: dict[str, str]) -> None:
    assert (await get(web, "/api/vote", **query))[0] == 400


async def test_pages(web: Web) -> None:
    status, page = await get(web, "/")
    assert status == 200
    assert isinstance(page, bytes)
    assert b"&lt;hello&gt;" in page
    assert await get(web, "/leaderboard") == (200, page)
    assert (await get(web, "/nothing"))[0] == 404
