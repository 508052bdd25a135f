"""`make shots`: run the demo, record what it answers, and draw the screens from that into screenshots/*.svg."""

import asyncio
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from meshcore.client.place import find
from meshcore.wire.control_pb2 import CheckCategory
from meshtui.app import MeshApp
from meshtui.cli.machine import categories
from meshtui.model.scope import Scope
from meshtui.sources.mesh import LocalMesh
from tests.support.recording import NAMESPACE, Recording, record
from tests.support.shell import Shell, eventually

FOLDER = Path(__file__).resolve().parents[2] / "screenshots"
WARM_S = 75.0  # fills the minute that tables and plots show
RECORD_S = 12.0

# name, size, view, keys pressed after it has opened
SHOTS: tuple[tuple[str, tuple[int, int], str, tuple[str, ...]], ...] = (
    ("overview", (120, 40), "overview", ("down", "down", "down")),
    ("overview-wide", (200, 60), "overview", ("down", "down", "down")),
    ("overview-small", (80, 24), "overview", ("down", "down", "down")),
    ("stat", (120, 40), "deploy", ()),
    ("pods", (120, 40), "po", ()),
    ("graph", (120, 40), "graph", ("down",)),
    ("top", (120, 40), "top", ()),
    ("tap", (120, 40), "tap", ("space",)),
    ("inspect", (120, 40), "tap", ("n", "space", "enter")),
    ("meshed", (120, 40), "meshed", ("end",)),
    ("edges", (120, 40), "edges", ()),
    ("check", (120, 40), "check", ()),
    ("help", (120, 40), "overview", ("question_mark",)),
)


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        shell = Shell(Path(home))
        shell.run("demo", "--detach", "--rate", "20")
        try:
            asyncio.run(asyncio.sleep(WARM_S))
            assert eventually(
                lambda: (shell.deployments(NAMESPACE)["voting"]["requests"] or {"failure": 0})["failure"] > 0, 60
            )
            os.environ["XDG_RUNTIME_DIR"] = home
            recording = asyncio.run(record(LocalMesh(find("demo")), RECORD_S))
            for answer in recording.find("check", Scope()):
                tidy(answer.categories, home)
        finally:
            shell.run("down")
    FOLDER.mkdir(exist_ok=True)
    for name, size, view, press in SHOTS:
        (FOLDER / f"{name}.svg").write_text(asyncio.run(draw(recording, size, view, press)), encoding="utf-8")
        print(f"screenshots/{name}.svg")


def tidy(categories: Iterable[CheckCategory], home: str = "") -> list[CheckCategory]:
    """Take this machine's folders out of what checks say."""
    found = list(categories)
    for item in (item for category in found for item in category.checks):
        for folder in filter(None, (home, os.environ.get("XDG_RUNTIME_DIR", ""), str(FOLDER.parent))):
            item.description = item.description.replace(folder.rstrip("/") + "/", "")
    return found


async def draw(recording: Recording, size: tuple[int, int], view: str, press: tuple[str, ...]) -> str:
    """Return the SVG of a view on the recording."""
    app = MeshApp(
        recording,
        view=view,
        namespace=NAMESPACE,
        theme="mesh-dark",
        clock=lambda: recording.ended,
        machine=lambda: tidy(categories()),
    )
    async with app.run_test(size=size) as pilot:
        await pilot.pause(0.3)
        await pilot.pause(1.2)
        for key in press:
            await pilot.press(key)
            await pilot.pause(0.3)
        await pilot.pause(0.8)
        return app.export_screenshot(title="meshtui")


if __name__ == "__main__":
    main()
