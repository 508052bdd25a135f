"""Keys that arrive all at once, as over a slow line, mean what they mean one by one."""

from textual import events
from textual.keys import _character_to_key

from tests.tui.support.stage import Stage, stage


def burst(scene: Stage, text: str) -> None:
    """Post keys as a driver does that has read them in one go."""
    for letter in text:
        scene.app.post_message(events.Key(_character_to_key(letter), letter))


async def test_a_command_in_one_burst() -> None:
    async with stage() as scene:
        burst(scene, ":top")
        await scene.settle(0.1)
        await scene.press("enter")
        await scene.until(lambda: scene.showing == "top")


async def test_a_filter_in_one_burst() -> None:
    async with stage() as scene:
        await scene.command("deploy emojivoto")
        burst(scene, "/vot")
        await scene.settle(0.1)
        await scene.press("enter")
        assert [row.resource.name for row in scene.view.table.lines] == ["vote-bot", "voting"]


async def test_the_signs_can_be_typed_into_a_text() -> None:
    async with stage() as scene:
        await scene.command("tap deploy/web emojivoto")
        burst(scene, "/path=/api:x")
        await scene.settle(0.1)
        assert scene.app.focused.value == "path=/api:x"  # type: ignore[union-attr]


async def test_what_follows_a_key_of_the_prompt_is_not_lost() -> None:
    async with stage() as scene:
        await scene.press("colon")
        for key, text in (("ctrl+u", "top"), ("tab", "deployments x")):
            burst(scene, "dep")
            scene.app.post_message(events.Key(key, None))
            burst(scene, text.removeprefix("deployments"))
            await scene.settle(0.1)
            assert scene.app.focused.value == text  # type: ignore[union-attr]
            await scene.press("ctrl+u")
