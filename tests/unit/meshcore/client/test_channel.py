"""A session against a tiny control plane in the same process."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import grpc
import pytest

from meshcore.client import control, stats, tap
from meshcore.client.channel import follow, open_session
from meshcore.client.failure import HINT, ClientError
from meshcore.wire import (
    common_pb2,
    control_pb2,
    control_pb2_grpc,
    stats_pb2,
    stats_pb2_grpc,
    tap_pb2,
    tap_pb2_grpc,
    version,
)
from tests.support.wait import until


class Plane(control_pb2_grpc.ControlServicer, stats_pb2_grpc.StatsQueryServicer, tap_pb2_grpc.TapQueryServicer):
    """Answers just enough."""

    def __init__(self, protocol: int = version.PROTOCOL, oldest: int = version.OLDEST) -> None:
        self.protocol, self.oldest = protocol, oldest
        self.watchers = 0

    async def Hello(self, request: control_pb2.HelloRequest, context: Any) -> control_pb2.HelloResponse:
        return control_pb2.HelloResponse(
            version="9.9.9", protocol=self.protocol, oldest_protocol=self.oldest, mesh="demo", home="local"
        )

    async def WatchStatus(
        self, request: control_pb2.StatusRequest, context: Any
    ) -> AsyncIterator[control_pb2.StatusResponse]:
        self.watchers += 1
        try:
            while True:
                yield control_pb2.StatusResponse(mesh="demo", uplinks=4)
                await asyncio.sleep(0.02)
        finally:
            self.watchers -= 1

    async def Stat(self, request: stats_pb2.StatRequest, context: Any) -> stats_pb2.StatResponse:
        if request.targets[0].kind == "pod":
            raise ValueError("a bug")
        return stats_pb2.StatResponse(rows=[stats_pb2.StatRow(resource=getattr(request, "from"))])

    async def Observe(
        self, request: tap_pb2.ObserveRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[tap_pb2.ObserveResponse]:
        if request.targets[0].name == "nope":
            context.set_trailing_metadata(((HINT, b"did you mean web?"),))
            await context.abort(grpc.StatusCode.NOT_FOUND, "no deployment nope in namespace emojivoto")
        for _ in range(request.limit):
            yield tap_pb2.ObserveResponse(sidecars=1)


async def serve(path: Path, plane: Plane) -> grpc.aio.Server:
    server = grpc.aio.server()
    control_pb2_grpc.add_ControlServicer_to_server(plane, server)
    stats_pb2_grpc.add_StatsQueryServicer_to_server(plane, server)
    tap_pb2_grpc.add_TapQueryServicer_to_server(plane, server)
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    return server


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    plane = Plane()
    server = await serve(tmp_path / "control.sock", plane)
    yield plane
    await server.stop(None)


def resource(name: str, kind: str = "deployment") -> common_pb2.Resource:
    return common_pb2.Resource(namespace="emojivoto", kind=kind, name=name)


async def test_hello_and_a_question(plane: Plane, tmp_path: Path) -> None:
    async with open_session(tmp_path / "control.sock") as session:
        assert (session.hello.mesh, session.hello.home) == ("demo", "local")
        answer = await stats.stat(session, stats.stat_request([resource("web")], source=resource("vote-bot")))
        assert answer.rows[0].resource.name == "vote-bot"


async def test_a_stream_ends_with_its_reader(plane: Plane, tmp_path: Path) -> None:
    async with open_session(tmp_path / "control.sock") as session:
        async with aclosing(control.watch_status(session)) as stream:
            async for status in stream:
                assert status.uplinks == 4
                break
        await until(lambda: plane.watchers == 0)


async def test_a_limited_stream_ends_well(plane: Plane, tmp_path: Path) -> None:
    async with open_session(tmp_path / "control.sock") as session:
        assert [r.sidecars async for r in tap.observe(session, [resource("web")], limit=2)] == [1, 1]


async def test_refusal_carries_line_and_hint(plane: Plane, tmp_path: Path) -> None:
    async with open_session(tmp_path / "control.sock") as session:
        with pytest.raises(ClientError, match="no deployment nope in namespace emojivoto") as caught:
            await anext(tap.observe(session, [resource("nope")]))
    assert caught.value.hint == "did you mean web?"
    assert (caught.value.code, caught.value.lost) == ("not_found", False)


@pytest.mark.parametrize(("plane_range", "line"), [((0, 0), "is newer than"), ((9, 8), "is too old for")])
async def test_version_skew_is_one_line(tmp_path: Path, plane_range: tuple[int, int], line: str) -> None:
    server = await serve(tmp_path / "control.sock", Plane(*plane_range))
    with pytest.raises(ClientError, match=line) as caught:
        async with open_session(tmp_path / "control.sock"):
            pass
    assert "\n" not in str(caught.value)
    await server.stop(None)


async def test_nobody_there(tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(ClientError, match="does not answer") as caught:
        async with open_session(tmp_path / "control.sock"):
            pass
    assert caught.value.lost
    assert "meshtui check" in caught.value.hint
    assert time.monotonic() - begun < 2


async def test_unknown_questions_and_bugs_say_so(plane: Plane, tmp_path: Path) -> None:
    async with open_session(tmp_path / "control.sock") as session:
        with pytest.raises(ClientError, match="does not know this question"):
            await control.check(session)
        with pytest.raises(ClientError, match=r"failed: .*a bug") as caught:
            await stats.stat(session, stats.stat_request([resource("web", "pod")]))
        assert "control.log" in caught.value.hint


async def test_waits_for_a_plane_that_starts(tmp_path: Path) -> None:
    async def later() -> grpc.aio.Server:
        await asyncio.sleep(0.15)
        return await serve(tmp_path / "control.sock", Plane())

    starting = asyncio.create_task(later())
    async with open_session(tmp_path / "control.sock", wait=5) as session:
        assert session.hello.mesh == "demo"
    await (await starting).stop(None)


async def test_follow_outlives_a_restart(tmp_path: Path) -> None:
    first = await serve(tmp_path / "control.sock", Plane())
    seen: list[str] = []
    async with open_session(tmp_path / "control.sock") as session:
        stream = follow(lambda: control.watch_status(session))
        async with asyncio.timeout(60), aclosing(stream):
            async for item in stream:
                if isinstance(item, ClientError):
                    assert item.lost
                    seen.append("lost")
                    second = await serve(tmp_path / "control.sock", Plane())
                    continue
                if not seen:
                    seen.append("up")
                    await first.stop(None)
                elif seen[-1] == "lost":
                    break
    assert seen == ["up", "lost"]
    await second.stop(None)
