"""Every screen as a picture at two sizes, the overview at three; and the overview in every theme."""

from pathlib import Path

import pytest

from tests.support.snapshot import compare
from tests.tui.support.stage import Stage, stage

KEPT = Path(__file__).parent / "snapshots"
SMALL, MIDDLE, LARGE = (80, 24), (120, 40), (200, 60)


async def overview(scene: Stage) -> None:
    await scene.press("end")
    await scene.until(lambda: scene.view.plot.border_title.endswith("web "))
    tap = scene.view.tap
    await scene.until(lambda: not tap.display or (len(tap.table.lines) == 12 and "deploy/web" in tap.border_title))
    await scene.turn()
    await scene.until(lambda: not tap.display or len(tap.table.lines) == 24)
    await scene.settle()


async def tap(scene: Stage) -> None:
    await scene.command("tap deploy/web emojivoto")
    await scene.until(lambda: scene.view.table.rows)


async def inspect(scene: Stage) -> None:
    await tap(scene)
    await scene.press("home", "j", "j", "enter")


async def lost(scene: Stage) -> None:
    await scene.command("po")
    await scene.mesh.lose()
    await scene.settle()


async def prompt(scene: Stage) -> None:
    await scene.command("svc")
    await scene.press("colon", "p", "o")
    await scene.settle()


def command(text: str):  # type: ignore[no-untyped-def]
    async def run(scene: Stage) -> None:
        await scene.command(text)

    return run


def keys(*names: str):  # type: ignore[no-untyped-def]
    async def run(scene: Stage) -> None:
        await scene.press(*names)
        await scene.settle()

    return run


SCREENS = {
    "overview": overview,
    "namespaces": command("ns"),
    "deployments": command("deploy emojivoto"),
    "pods": command("po booksapp"),
    "services": command("svc"),
    "top": command("top emojivoto"),
    "tap": tap,
    "inspect": inspect,
    "edges": command("edges"),
    "graph": command("graph"),
    "meshed": command("meshed"),
    "check": command("check"),
    "help": keys("question_mark"),
    "describe": keys("j", "d"),
    "yaml": keys("j", "y"),
    "logs": keys("l"),
    "prompt": prompt,
    "lost": lost,
}


@pytest.mark.parametrize("size", [SMALL, MIDDLE], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", SCREENS)
async def test_screen(name: str, size: tuple[int, int]) -> None:
    async with stage(size) as scene:
        await SCREENS[name](scene)
        compare(scene.app.export_screenshot(title=name, simplify=True), KEPT / f"{name}-{size[0]}x{size[1]}.svg")


async def test_overview_on_a_large_screen() -> None:
    async with stage(LARGE) as scene:
        await overview(scene)
        compare(scene.app.export_screenshot(title="overview", simplify=True), KEPT / "overview-200x60.svg")


@pytest.mark.parametrize("options", [{"theme": "mesh-light"}, {"theme": "mesh-16"}, {"ascii": True}], ids=str)
async def test_overview_in_other_dress(options: dict[str, object]) -> None:
    async with stage(SMALL, **options) as scene:
        await overview(scene)
        name = "-".join(str(value) for value in options.values()).replace("True", "ascii")
        compare(scene.app.export_screenshot(title="overview", simplify=True), KEPT / f"overview-{name}.svg")


async def test_without_a_mesh_there_is_a_start_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(SMALL) as scene:
        assert scene.showing == "overview"
    from meshtui.app import MeshApp

    app = MeshApp(None, theme="mesh-dark")
    async with app.run_test(size=SMALL) as pilot:
        await pilot.pause()
        compare(app.export_screenshot(title="start", simplify=True), KEPT / "start-80x24.svg")
