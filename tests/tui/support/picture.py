"""Pictures of screens by hand: run the app on the fake mesh, press keys, and keep what it shows.

`python -m tests.tui.support.picture SIZE FILE.svg KEY… [theme=NAME] [ascii=1]` writes an SVG, and a PNG where
cairosvg is installed. `turn` lets the mesh answer once more, `wait` gives timers their time.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

from tests.tui.support.stage import stage


async def picture(size: tuple[int, int], *press: str, **options: Any) -> str:
    """Return the SVG of a screen after keys were pressed."""
    async with stage(size, **options) as scene:
        for key in press:
            if key == "turn":
                await scene.turn()
            elif key == "wait":
                await scene.settle(0.6)
            elif key.startswith(":"):
                await scene.command(key[1:])
            else:
                await scene.press(key)
        await scene.settle(0.3)
        return scene.app.export_screenshot(title="meshtui")


def main() -> None:
    width, _, height = sys.argv[1].partition("x")
    target = Path(sys.argv[2])
    options: dict[str, Any] = dict(each.split("=", 1) for each in sys.argv[3:] if "=" in each)
    if "ascii" in options:
        options["ascii"] = options["ascii"] == "1"
    keys = [each for each in sys.argv[3:] if "=" not in each]
    svg = asyncio.run(picture((int(width), int(height)), *keys, **options))
    target.write_text(svg, encoding="utf-8")
    try:
        import cairosvg
    except ImportError:
        return
    svg = svg.replace("Fira Code", "DejaVu Sans Mono")
    cairosvg.svg2png(bytestring=svg.encode(), write_to=str(target.with_suffix(".png")), output_width=int(width) * 10)


if __name__ == "__main__":
    main()
