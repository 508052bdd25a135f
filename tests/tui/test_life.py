"""Beginning, trouble and end: a control plane that is lost and comes back, a mesh that appears, crashes, signals."""

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from meshcore.wire.stats_pb2 import EdgesResponse
from meshcore.wire.tap_pb2 import ObserveResponse
from meshtui import app
from meshtui.app import MeshApp
from meshtui.messages import Arrived
from meshtui.model.scope import Trouble
from meshtui.sources import local
from meshtui.themes import SIXTEEN
from tests.tui.support.fake import FakeMesh, observe
from tests.tui.support.stage import stage

SCRIPT = """
import os, sys
from meshtui import app
from tests.tui.support.fake import FakeMesh, observe
first = app.MeshApp._open_first
async def begin(self):
    await first(self)
    os.write(2, b"STRAY WORDS")
    if sys.argv[1] == "crash":
        self.set_timer(0.3, lambda: 1 / 0)
app.MeshApp._open_first = begin
raise SystemExit(app.run(FakeMesh()))
"""


async def test_a_lost_control_plane_shows_a_banner_and_recovers() -> None:
    async with stage() as scene:
        rows = len(scene.view.table.rows)
        await scene.mesh.lose()
        await scene.settle()
        assert "control plane lost" in scene.text()
        assert "× control plane" in scene.text()
        assert len(scene.view.table.rows) == rows  # what was known stays
        await scene.command("edges")
        assert "control plane lost" in scene.text()
        await scene.mesh.recover()
        await scene.settle()
        assert "control plane lost" not in scene.text()
        assert "control plane is back" in scene.text()
        await scene.until(lambda: scene.view.table.rows)


async def test_a_mesh_that_ended_is_called_that() -> None:
    async with stage((80, 24)) as scene:
        scene.mesh.there = False
        await scene.mesh.lose()
        await scene.settle()
        assert "mesh demo has ended" in scene.text()
        scene.mesh.there = True
        await scene.mesh.recover()
        await scene.settle()
        assert "has ended" not in scene.text()


async def test_however_often_it_is_lost_one_look_after_the_mesh_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []

    class Watched(FakeMesh):
        def alive(self) -> bool:
            looks.append(time.monotonic())
            return True

    monkeypatch.setattr(app, "LOOK_S", 3600.0)
    async with stage(mesh=Watched()) as scene:
        for reason in ("it does not answer", "it closed the connection", "it does not answer"):
            scene.app.post_message(Arrived("status", Trouble(reason, lost=True), every=True))
            await scene.settle()
        assert "control plane lost" in scene.text()
        assert len(looks) == 1


async def test_what_arrives_while_a_view_comes_or_goes_ends_nothing() -> None:
    """A machine that is busy lets moments be long in which there is a view without its parts, or none any more."""
    async with stage() as scene:
        await scene.view.query("*").remove()
        scene.app.post_message(Arrived("status", Trouble("gone", "wait", lost=True)))
        await scene.settle()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(MeshApp, "screen_stack", [])
            scene.app._look()
            assert scene.app.view is None
        assert scene.app.is_running


async def test_a_refusal_is_said_where_the_rows_would_be() -> None:
    class Refusing(FakeMesh):
        async def observe(self, scope, match=None):  # type: ignore[no-untyped-def]
            yield Trouble("deploy/nope is not in namespace emojivoto", "did you mean web?")

    async with stage(mesh=Refusing()) as scene:
        await scene.command("tap deploy/nope emojivoto")
        await scene.until(lambda: "× deploy/nope is not in namespace emojivoto" in scene.text())
        assert "did you mean web?" in scene.text()


async def test_a_refusal_that_somebody_has_to_mend_is_the_banner_with_the_next_step() -> None:
    class Expired(FakeMesh):
        async def status(self):  # type: ignore[no-untyped-def]
            yield Trouble("the API server does not accept these credentials", "log in again")

    async with stage(mesh=Expired()) as scene:
        await scene.until(lambda: "× the API server does not accept these credentials" in scene.text())
        assert "; log in again" in scene.text()
        assert "trying again" not in scene.text()


async def test_a_refusal_goes_from_each_pane_when_its_source_answers_again() -> None:
    """The answers are empty: nothing is painted over what was said."""
    refusal = Trouble("these credentials have expired", "log in again")

    class Renewed(FakeMesh):
        def edges(self, scope):  # type: ignore[no-untyped-def]
            return self._each_turn(lambda: EdgesResponse() if self.turns else refusal)

        def observe(self, scope, match=None):  # type: ignore[no-untyped-def]
            return self._each_turn(lambda: ObserveResponse() if self.turns else refusal)

    async with stage((160, 40), mesh=Renewed()) as scene:
        await scene.until(lambda: scene.text().count("× these credentials have expired") == 2)
        await scene.turn()
        await scene.until(lambda: "these credentials" not in scene.text())
        assert "waiting for requests" in scene.text()


async def test_a_mesh_that_appears_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    mesh = FakeMesh()

    async def meshes():  # type: ignore[no-untyped-def]
        yield []
        yield [mesh]

    monkeypatch.setattr(local, "meshes", meshes)
    app = MeshApp(None, theme="mesh-dark")
    async with app.run_test(size=(80, 24)) as pilot:
        for _ in range(100):
            await pilot.pause(0.02)
            if app.view is not None and app.view.NAME == "overview":
                break
        assert app.view is not None and app.view.NAME == "overview"
        assert app.scene.mesh is mesh


async def test_without_a_mesh_commands_need_one() -> None:
    app = MeshApp(None, theme="mesh-dark")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("colon", "p", "o", "enter")
        await pilot.pause()
        assert app.view is not None and app.view.NAME == "start"
        await pilot.press("c")
        await pilot.pause()
        assert app.view is not None and app.view.NAME == "check"


async def test_no_colour_means_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = MeshApp(FakeMesh())
    assert app.theme == SIXTEEN.name
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        colours = {
            segment.style.color.name
            for strip in app.screen._compositor.render_strips()
            for segment in strip
            if segment.style and segment.style.color
        }
        assert colours <= {"default"}


async def test_ascii_means_ascii() -> None:
    async with stage((120, 40), ascii=True) as scene:
        await scene.press("down")
        await scene.turn()
        assert scene.text().isascii()
        await scene.command("graph")
        assert scene.text().isascii()


@pytest.mark.parametrize(
    ("way", "status", "said"),
    [("crash", 70, "meshtui crashed: ZeroDivisionError"), ("term", 143, ""), ("hup", 129, "")],
)
def test_the_terminal_is_left_as_it_was(way: str, status: int, said: str, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    environment = {
        **os.environ,
        "TERM": "xterm-256color",
        "XDG_STATE_HOME": str(tmp_path),
        "COLUMNS": "80",
        "LINES": "24",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, way], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    seen, asked = b"", False
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if select.select([ours], [], [], 0.1)[0]:
            seen += os.read(ours, 65536)
        if way != "crash" and not asked and b"deployments" in seen:
            asked = True
            process.send_signal(signal.SIGTERM if way == "term" else signal.SIGHUP)
        if process.poll() is not None and not select.select([ours], [], [], 0.1)[0]:
            break
    assert process.wait(5) == status
    assert termios.tcgetattr(theirs) == before
    assert b"STRAY WORDS" not in seen
    after = seen.rpartition(b"\x1b[?1049l")[2]
    assert seen.count(b"\x1b[?1049l") == 1
    assert b"\x1b[?25h" in after
    assert said.encode() in after
    assert after.count(b"\n") <= 1  # one line, no traceback
    log = (tmp_path / "meshtui" / "meshtui.log").read_text()
    assert "STRAY WORDS" in log
    if way == "crash":
        assert "Traceback" in log
    os.close(ours)
    os.close(theirs)


async def test_what_others_wrote_cannot_command_the_terminal() -> None:
    class Rude(FakeMesh):
        def log(self, scope, *, proxy=False):  # type: ignore[no-untyped-def]
            return self._each_turn(lambda: ["\x1b[31mred\x1b[0m words\x07", "\x1b]0;title\x07second"])

        def observe(self, scope, match=None):  # type: ignore[no-untyped-def]
            def rude():  # type: ignore[no-untyped-def]
                answer = observe(0)
                for event in answer.events:
                    event.request_init.path = "/\x1b[2J\x1b]0;owned\x07x"
                return answer

            return self._each_turn(rude)

    async with stage(mesh=Rude()) as scene:
        await scene.command("logs web")
        await scene.until(lambda: "red words" in scene.text())
        assert "second" in scene.text()
        for command, key in (("tap deploy/web emojivoto", "enter"), ("tap deploy/web emojivoto", "d")):
            await scene.command(command)
            await scene.until(lambda: scene.view.table.rows)
            assert "\x1b" not in scene.app.export_screenshot()
            await scene.press(key)
            await scene.settle(0.3)
            assert "\x1b" not in scene.text()
