"""An app on the fake mesh, and the few things tests do with it.

`stage` opens it; `type_text` types; `settle` waits until nothing is left to happen, without sleeping longer than it
must.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from textual.pilot import Pilot

from meshtui.app import MeshApp
from tests.tui.support.fake import NOW_MS, FakeMesh

SIZE = (120, 40)


class Stage(NamedTuple):
    """What a test holds."""

    app: MeshApp
    pilot: Pilot[int]
    mesh: FakeMesh

    @property
    def view(self) -> Any:
        return self.app.view

    @property
    def showing(self) -> str:
        """The name of the view on top; empty while something else is."""
        return self.app.view.NAME if self.app.view is not None else ""

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.pilot.press(key)
            await self.pilot.pause()

    async def command(self, text: str) -> None:
        await self.press("colon", *(_KEYS.get(letter, letter) for letter in text), "enter")
        await self.settle()

    async def filter(self, text: str) -> None:
        await self.press("slash", *(_KEYS.get(letter, letter) for letter in text), "enter")
        await self.settle()

    async def turn(self) -> None:
        await self.mesh.turn()
        await self.settle()

    async def settle(self, seconds: float = 0.0) -> None:
        for _ in range(3):
            await self.pilot.pause()
        if seconds:
            await self.pilot.pause(seconds)

    async def until(self, done: Any, limit: float = 60.0) -> None:
        """Wait for something to become true."""
        for _ in range(int(limit / 0.02)):
            if done():
                return
            await self.pilot.pause(0.02)
        raise AssertionError("it did not happen in time")

    def text(self) -> str:
        return self.app.screen_text()


_KEYS = {
    " ": "space",
    "/": "slash",
    "-": "minus",
    "=": "equals_sign",
    "!": "exclamation_mark",
    "^": "circumflex_accent",
}


@asynccontextmanager
async def stage(size: tuple[int, int] = SIZE, *, mesh: FakeMesh | None = None, **options: Any) -> AsyncIterator[Stage]:
    """Run the app on a fake mesh."""
    fake = mesh or FakeMesh()
    settings = {"theme": "mesh-dark", "clock": lambda: NOW_MS / 1000, **options}
    app = MeshApp(fake, **settings)
    async with app.run_test(size=size) as pilot:
        scene = Stage(app, pilot, fake)
        await scene.settle()
        yield scene
