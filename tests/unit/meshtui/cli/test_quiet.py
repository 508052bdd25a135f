"""What a tap without requests says, and when it says nothing."""

import asyncio
from typing import Any

import pytest

from meshcore.client.failure import ClientError
from meshcore.wire.common_pb2 import Resource
from meshcore.wire.stats_pb2 import StatResponse, StatRow, TcpStats
from meshtui.cli.quiet import explaining

REDIS = Resource(kind="deployment", namespace="shop", name="redis")
LAST = "No requests seen for deployment/redis; TCP that is not HTTP shows in `meshtui stat`.\n"


class Session:
    """Answers a question about figures; the answers that it has are all that it is asked for."""

    def __init__(self, *answers: StatResponse | ClientError) -> None:
        self.stats = self
        self.answers = list(answers)
        self.empty = asyncio.Event()

    def Stat(self, request: Any, timeout: float) -> Any:
        assert list(request.targets) == [REDIS]

    async def ask(self, call: Any) -> StatResponse:
        answer = self.answers.pop(0)
        if not self.answers:
            asyncio.get_running_loop().call_later(0.01, self.empty.set)
        if isinstance(answer, ClientError):
            raise answer
        return answer


def carrying(read: float) -> StatResponse:
    return StatResponse(rows=[StatRow(resource=REDIS, tcp=TcpStats(open=1, read_bps=read))])


async def watched(session: Session) -> None:
    async with explaining(session, [REDIS], lambda: False, 0.0):  # type: ignore[arg-type]
        await session.empty.wait()


async def test_what_is_no_http_is_told_once_as_soon_as_there_are_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    await watched(Session(carrying(0.0), carrying(5.0)))
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Nothing to show so far: no HTTP reaches deployment/redis, but bytes: 5B/s read")
    assert said.err.endswith("have the figures.\n" + LAST)


async def test_who_has_no_right_to_figures_is_not_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    await watched(Session(ClientError("forbidden")))
    assert capsys.readouterr().err == LAST


async def test_where_there_was_a_request_nothing_is_asked_or_said(capsys: pytest.CaptureFixture[str]) -> None:
    async with explaining(Session(), [REDIS], lambda: True, 0.0):  # type: ignore[arg-type]
        for _ in range(5):
            await asyncio.sleep(0)
    assert capsys.readouterr().err == ""


async def test_a_failure_of_the_tap_itself_is_all_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ClientError, match="lost"):
        async with explaining(Session(), [REDIS], lambda: False, 60.0):  # type: ignore[arg-type]
            raise ClientError("lost")
    assert capsys.readouterr().err == ""
