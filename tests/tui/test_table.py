"""What a table does: sort, filter, marks, pause, faults, wide, describe, mouse."""

from pathlib import Path

import pytest

from meshtui.model.scope import Scope
from tests.tui.support.fake import FakeMesh
from tests.tui.support.stage import Stage, stage


def names(scene: Stage) -> list[str]:
    return [row.resource.name for row in scene.view.table.lines]


async def test_shift_and_a_letter_sort_and_turn_round() -> None:
    async with stage() as scene:
        await scene.command("deploy emojivoto")
        await scene.until(lambda: names(scene))
        await scene.press("R")
        assert names(scene)[:3] == ["web", "emoji", "voting"]
        assert "↓RPS" in scene.text()
        await scene.press("R")
        assert names(scene)[:3] == ["voting", "emoji", "web"]
        assert names(scene)[-1] == "vote-bot"  # no figure: last in either direction
        await scene.press("shift+left", "shift+left")
        assert scene.view.table.sorted_by == "meshed"


async def test_the_cursor_stays_on_its_row() -> None:
    async with stage() as scene:
        await scene.command("deploy emojivoto")
        await scene.until(lambda: names(scene))
        scene.view.grid.go_to("emojivoto/voting")
        await scene.press("S", "R")
        assert scene.view.grid.row.resource.name == "voting"
        await scene.turn()
        assert scene.view.grid.row.resource.name == "voting"


async def test_a_filter_narrows_while_it_is_typed_and_esc_takes_it_away() -> None:
    async with stage() as scene:
        await scene.command("deploy booksapp")
        await scene.until(lambda: len(names(scene)) == 4)
        await scene.press("slash", "o", "k")
        assert names(scene) == ["books"]
        await scene.press("enter")
        assert "/ok" in scene.text()
        await scene.turn()
        assert names(scene) == ["books"]
        await scene.press("escape")
        assert len(names(scene)) == 4
        assert scene.showing == "stat"


async def test_filters_turn_round_and_are_fuzzy() -> None:
    async with stage() as scene:
        await scene.command("deploy emojivoto")
        await scene.until(lambda: names(scene))
        await scene.filter("!vot.*-bot|web")
        assert names(scene) == ["emoji", "voting"]
        await scene.press("escape")
        await scene.filter("-f vtg")
        assert names(scene) == ["voting"]
        await scene.press("escape")
        await scene.filter("[")
        assert "not a regular expression" in scene.text()
        await scene.filter("-l app=web")
        assert "rows here carry no labels" in scene.text()
        assert len(names(scene)) == 4


async def test_labels_narrow_where_rows_carry_them() -> None:
    async with stage() as scene:
        await scene.command("meshed")
        await scene.until(lambda: scene.view.table.rows)
        await scene.filter("-l app=web")
        assert [row.status.pod for row in scene.view.table.lines] == ["web-0"]
        await scene.press("d")
        assert "app=web" in scene.text()


async def test_a_pause_holds_and_going_on_shows_the_newest() -> None:
    async with stage() as scene:
        await scene.command("deploy emojivoto")
        await scene.until(lambda: names(scene))
        await scene.press("space")
        assert "paused" in scene.text()
        scene.mesh.extra = 3
        await scene.turn()
        assert len(names(scene)) == 4
        await scene.press("space")
        assert len(names(scene)) == 3
        assert "paused" not in scene.text()


async def test_faults_wide_and_marks() -> None:
    async with stage((160, 40)) as scene:
        await scene.command("deploy")
        await scene.until(lambda: len(names(scene)) == 8)
        await scene.press("ctrl+z")
        assert set(names(scene)) == {"books", "webapp", "voting"}
        await scene.press("ctrl+z")
        assert "WRITE/S" not in scene.text()
        await scene.press("ctrl+w")
        assert "WRITE/S" in scene.text()
        await scene.press("home", "m", "m")
        assert "2 marked" in scene.text()
        assert scene.view.grid.cursor == 2


async def test_what_is_marked_is_tapped_counted_and_copied_together() -> None:
    for key, question in (("t", "observe"), ("o", "top")):
        async with stage() as scene:
            await scene.command("deploy emojivoto")
            await scene.until(lambda: names(scene))
            scene.view.grid.go_to("emojivoto/emoji")
            await scene.press("m", "m", "c")
            assert scene.app.clipboard == "emoji\nvote-bot"
            await scene.press(key)
            await scene.settle()
            both = Scope("deployment", "emojivoto", "emoji", also=(("emojivoto", "vote-bot"),))
            assert (question, both) in scene.mesh.asked
            assert "deploy/emoji and 1 more" in scene.text()
            await scene.press("escape", "ctrl+backslash", "c")
            assert scene.app.clipboard == names(scene)[scene.view.grid.cursor]


async def test_a_row_is_described_and_shown_as_yaml() -> None:
    async with stage() as scene:
        scene.view.grid.go_to("emojivoto/voting")
        await scene.press("d")
        assert "Outcomes:" in scene.text()
        assert "× 500" in scene.text()
        await scene.until(lambda: "Pods:" in scene.text())
        assert "Age:        1h (the oldest pod)" in scene.text()
        assert all(f"voting-{i}  Running  1h" in scene.text() for i in range(2))
        await scene.press("escape", "y")
        assert "namespace: emojivoto" in scene.text()
        await scene.filter("name")
        assert "rps:" not in scene.text()


async def test_a_click_moves_two_open_and_the_heading_sorts() -> None:
    async with stage() as scene:
        await scene.command("deploy emojivoto")
        await scene.until(lambda: names(scene))
        grid = scene.view.grid
        await scene.pilot.click(grid, offset=(5, 4))
        assert grid.cursor == 2
        heading = scene.text().splitlines()[grid.region.y + 1]
        await scene.pilot.click(grid, offset=(heading.index("RPS"), 1))
        assert scene.view.table.sorted_by == "rps"
        await scene.pilot.click(grid, offset=(5, 2), times=2)
        await scene.settle()
        assert scene.view.scope.kind == "pod"


async def test_the_screen_is_saved_as_picture_and_text() -> None:
    async with stage() as scene:
        await scene.press("ctrl+s")
        assert "saved" in scene.view.query_one("Foot").flashing
        folder = scene.app._folder
        assert {path.suffix for path in folder.iterdir()} == {".svg", ".txt"}
        text = next(folder.glob("*.txt")).read_text()
        assert "emojivoto" in text


async def test_where_a_screen_was_saved_is_read_whole_on_a_narrow_one(tmp_path: Path) -> None:
    folder = tmp_path / "a-folder-of-some-length" / "and-another-one-below-it" / "screens-of-meshtui"
    async with stage((80, 24), folder=folder) as scene:
        await scene.press("ctrl+s")
        (svg,) = folder.glob("*.svg")
        shown = "".join(line.strip() for line in scene.text().splitlines()[-5:])
        assert f"{svg} and .txt".replace(" ", "") in shown.replace(" ", "")


async def test_a_filter_put_right_is_complained_of_no_more() -> None:
    async with stage() as scene:
        for command, wrong in (("deploy", "-l app"), ("tap", "statuss=5xx")):
            await scene.command(command)
            await scene.filter(wrong)
            foot = scene.view.query_one("Foot")
            assert foot.flashing
            await scene.press("space")  # what else happens meanwhile does not take it away
            assert foot.flashing
            await scene.press("space")
            await scene.press("slash", "ctrl+u", "w", "e", "b", "enter")
            assert not foot.flashing


async def test_routes_stay_routes_in_another_namespace() -> None:
    async with stage() as scene:
        await scene.command("routes")
        await scene.until(lambda: scene.view.table.rows)
        assert "ROUTE" in scene.text()
        await scene.press("2")
        await scene.settle()
        assert scene.showing == "routes"


async def test_five_thousand_rows_stay_quick() -> None:
    async with stage((160, 40), mesh=FakeMesh(rows=5000)) as scene:
        await scene.command("deploy")
        await scene.until(lambda: len(names(scene)) == 5000, 10)
        await scene.press("end")
        assert scene.view.grid.row.resource.name == "service-04999"
        assert "service-04999" in scene.text()
        await scene.press("R")
        assert scene.view.grid.row.resource.name == "service-04999"
        assert "service-04999" in scene.text()


async def test_help_lists_what_works_here() -> None:
    async with stage((160, 60)) as scene:
        await scene.command("tap deploy/web emojivoto")
        await scene.press("question_mark")
        text = scene.text()
        for words in ("follow the newest", "shift-l", "ctrl-s", "graph map topology", "latency>100ms"):
            assert words in text, words


async def test_tap_pauses_filters_and_shows_only_failures() -> None:
    async with stage() as scene:
        await scene.command("tap deploy/web emojivoto")
        view = scene.view
        await scene.until(lambda: len(view.table.rows) == 12)
        await scene.press("n")
        assert all(row.failed for row in view.table.rows)
        await scene.press("n")
        await scene.press("space")
        await scene.turn()
        assert len(view.table.rows) == 12
        await scene.press("space")
        await scene.until(lambda: len(view.table.rows) == 24)
        await scene.filter("grpc=Unknown")
        assert {row.grpc_status for row in view.table.rows} == {2}
        await scene.press("escape")
        await scene.filter("stat=1")
        assert "did you mean status=" in scene.text()


@pytest.mark.parametrize("command", ["ns", "po", "svc", "top", "tap deploy/web emojivoto", "edges", "meshed"])
async def test_every_row_can_be_described_copied_and_read_as_data(command: str) -> None:
    async with stage() as scene:
        await scene.command(command)
        await scene.until(lambda: scene.view.table.rows)
        name = scene.showing
        for key in ("d", "y"):
            await scene.press(key)
            assert scene.showing in ("text", "describe")
            assert len(scene.view._lines) > 3
            await scene.press("escape")
            assert scene.showing == name
        await scene.press("c")
        assert "copied" in scene.text()
