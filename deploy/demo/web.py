"""The web service: a page to vote on, and the REST calls behind it, answered by emoji and voting.

Environment: WEB_PORT; EMOJISVC_HOST and VOTINGSVC_HOST, each host:port; MESSAGE_OF_THE_DAY, a line for the page.
A backend's failure is a 500 here.
"""

import asyncio
import html
import json
import os
from pathlib import Path

import emoji_pb2
import grpc
import rpc
import voting_pb2
from catalog import rpc_name
from httpd import Request, Response, Server

PAGE = Path(__file__).with_name("page.html").read_text()
TIMEOUT_S = 5.0
TRACE = ("traceparent", "tracestate", "b3", "x-request-id")  # handed on, so that one vote is one trace


class Web:
    """The pages and calls, over open channels to both backends."""

    def __init__(self, emoji: grpc.aio.Channel, voting: grpc.aio.Channel, message: str) -> None:
        self.emoji = rpc.calls(emoji, emoji_pb2, "EmojiService")
        self.voting = rpc.calls(voting, voting_pb2, "VotingService")
        self.page = PAGE.replace("{{message}}", html.escape(message)).encode()

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        trace = tuple((name, request.headers[name]) for name in TRACE if name in request.headers)
        try:
            match request.path:
                case "/" | "/leaderboard":
                    return Response(200, self.page, "text/html; charset=utf-8")
                case "/api/list":
                    return await self.list(trace)
                case "/api/vote":
                    return await self.vote(request.query.get("choice", ""), trace)
                case "/api/leaderboard":
                    return await self.leaderboard(trace)
        except grpc.aio.AioRpcError as error:
            return _json(500, {"error": error.details(), "code": error.code().name})
        return _json(404, {"error": f"there is no {request.path}"})

    async def list(self, trace: tuple[tuple[str, str], ...]) -> Response:
        reply = await self.emoji["ListAll"](emoji_pb2.ListAllEmojiRequest(), timeout=TIMEOUT_S, metadata=trace)
        return _json(200, [{"shortcode": emoji.shortcode, "unicode": emoji.unicode} for emoji in reply.list])

    async def vote(self, choice: str, trace: tuple[tuple[str, str], ...]) -> Response:
        request = emoji_pb2.FindEmojiByShortcodeRequest(shortcode=choice)
        found = await self.emoji["FindByShortcode"](request, timeout=TIMEOUT_S, metadata=trace)
        call = self.voting.get(rpc_name(choice)) if found.HasField("emoji") else None
        if call is None:
            return _json(400, {"error": f"there is no emoji {choice!r}; ask /api/list"})
        await call(voting_pb2.VoteRequest(), timeout=TIMEOUT_S, metadata=trace)
        return _json(200, {"voted": choice})

    async def leaderboard(self, trace: tuple[tuple[str, str], ...]) -> Response:
        reply = await self.voting["Results"](voting_pb2.ResultsRequest(), timeout=TIMEOUT_S, metadata=trace)
        # One question per row: the pattern that a service graph is there to show.
        rows = await asyncio.gather(*(self.row(result, trace) for result in reply.results))
        return _json(200, rows)

    async def row(self, result: voting_pb2.VotingResult, trace: tuple[tuple[str, str], ...]) -> dict[str, str | int]:
        request = emoji_pb2.FindEmojiByShortcodeRequest(shortcode=result.shortcode)
        found = await self.emoji["FindByShortcode"](request, timeout=TIMEOUT_S, metadata=trace)
        return {"shortcode": result.shortcode, "unicode": found.emoji.unicode, "votes": result.votes}


def _json(status: int, value: object) -> Response:
    return Response(status, json.dumps(value, ensure_ascii=False).encode())


async def serve() -> None:
    env = os.environ
    async with (
        grpc.aio.insecure_channel(env["EMOJISVC_HOST"]) as emoji,
        grpc.aio.insecure_channel(env["VOTINGSVC_HOST"]) as voting,
    ):
        web = Web(emoji, voting, env.get("MESSAGE_OF_THE_DAY", ""))
        server = Server(web.answer)
        await server.start(int(env["WEB_PORT"]))
        await rpc.ended()
        await server.close()


if __name__ == "__main__":
    asyncio.run(serve())
