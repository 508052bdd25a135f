"""Keys in no order at all, while answers come and the control plane goes: nothing may crash, and `q` still quits."""

import random

import pytest

from meshtui import keys
from tests.tui.support.fake import FakeMesh
from tests.tui.support.stage import stage

NAMES = sorted({name for key in keys.KEYS for name in key.keys.split(",")} - {"q", "ctrl+c", "ctrl+p"})
LETTERS = [*"NSRFILTMKUODHCBPEV", *"[]\\!-*(."]
COMMANDS = ("overview", "ns", "po", "svc", "top", "tap", "graph", "edges", "meshed", "check", "logs", "help", "frob")
STEPS = 60


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_monkey_at_the_keys(seed: int) -> None:
    chance = random.Random(seed)
    sizes = [(80, 24), (120, 40), (60, 12), (200, 60)]
    async with stage(sizes[seed % len(sizes)], mesh=FakeMesh()) as scene:
        for _ in range(STEPS):
            what = chance.random()
            if what < 0.75:
                await scene.pilot.press(chance.choice(NAMES if chance.random() < 0.8 else LETTERS))
            elif what < 0.85 and scene.app.view is not None:
                await scene.pilot.press("escape")
                await scene.app.run_command(chance.choice(COMMANDS))
            elif what < 0.95:
                await scene.mesh.turn()
            else:
                await scene.pilot.resize_terminal(*chance.choice(sizes))
        await scene.mesh.recover()
        await scene.pilot.press("escape", "escape")
        await scene.app.action_quit()
        assert scene.app.crash == ""
