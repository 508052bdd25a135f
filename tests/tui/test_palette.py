"""Textual's command palette knows the views; themes change on a key."""

from meshtui.themes import NAMES
from tests.tui.support.stage import stage


async def test_the_palette_opens_views() -> None:
    async with stage() as scene:
        await scene.press("ctrl+p", *"topology")
        await scene.settle(0.5)
        await scene.press("enter")
        await scene.until(lambda: scene.showing == "graph")


async def test_a_key_goes_through_the_themes() -> None:
    async with stage((80, 24)) as scene:
        seen = []
        for _ in NAMES:
            await scene.press("ctrl+t")
            seen.append(scene.app.theme)
            assert f"theme {scene.app.theme}" in scene.text()
        assert sorted(seen) == sorted(NAMES)


async def test_panes_change_and_zoom() -> None:
    async with stage((120, 40)) as scene:
        assert scene.app.focused is scene.view.grid
        await scene.press("tab")
        assert scene.app.focused is scene.view.plot
        await scene.press("z")
        await scene.settle()
        assert not scene.view.grid.display
        assert scene.view.plot.region.height > 30
        await scene.press("tab")
        await scene.settle()
        assert scene.app.focused is scene.view.tap
        assert not scene.view.plot.display
        await scene.press("z")
        await scene.settle()
        assert scene.view.grid.display and scene.view.plot.display


async def test_the_words_of_a_prompt_complete() -> None:
    async with stage((80, 24)) as scene:
        await scene.press("colon", "g", "r", "tab", "enter")
        await scene.settle()
        assert scene.showing == "graph"
        await scene.press("colon", "up", "enter")
        await scene.settle()
        assert scene.showing == "graph"
        await scene.press("colon", "escape")
        assert not scene.view.query_one("Prompt").open
