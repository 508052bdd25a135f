"""The tap screen while there is no request to show."""

from typing import Any

from meshcore.wire.common_pb2 import Resource
from meshcore.wire.stats_pb2 import StatResponse, StatRow, TcpStats
from meshcore.wire.tap_pb2 import ObserveResponse
from meshtui.model.scope import Trouble
from tests.tui.support.fake import FakeMesh
from tests.tui.support.stage import stage

REDIS = StatResponse(
    rows=[StatRow(resource=Resource(kind="deployment", name="redis"), tcp=TcpStats(open=2, read_bps=40.0))]
)


def answer(mesh: FakeMesh, figures: Any) -> None:
    """Have a mesh see no request."""
    mesh.observe = lambda scope, match=None: mesh._each_turn(lambda: ObserveResponse(sidecars=1))  # type: ignore[method-assign]
    mesh.stat = lambda scope: mesh._each_turn(lambda: figures)  # type: ignore[method-assign]


async def test_what_carries_no_http_is_told() -> None:
    async with stage() as scene:
        answer(scene.mesh, REDIS)
        await scene.command("tap")
        await scene.until(lambda: "no HTTP reaches deployment/redis, but bytes: 40B/s read" in scene.text())
        assert "waiting for requests" in scene.text()


async def test_figures_that_somebody_may_not_see_are_no_trouble() -> None:
    async with stage() as scene:
        answer(scene.mesh, Trouble("you may not see figures", "", lost=False))
        await scene.command("tap")
        await scene.until(lambda: "waiting for requests" in scene.text())
        await scene.turn()
        assert "you may not" not in scene.text()


async def test_once_there_is_a_request_nothing_is_asked_about_figures() -> None:
    async with stage() as scene:
        await scene.command("tap")
        await scene.until(lambda: scene.view.table.rows)
        await scene.until(lambda: scene.mesh.running == 2)  # status, and the requests
