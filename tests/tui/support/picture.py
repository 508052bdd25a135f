"""Pictures of screens: run the app on the fake mesh, press keys, and keep what it shows.

`python -m tests.tui.support.picture SIZE FILE KEY…` writes an SVG (and a PNG where cairosvg is there).
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

from meshtui.app import MeshApp
from tests.tui.support.fake import NOW_MS, FakeMesh


async def picture(size: tuple[int, int], *press: str, mesh: Any = None, **options: Any) -> str:
    """Return the SVG of a screen after keys were pressed."""
    fake = mesh or FakeMesh()
    app = MeshApp(fake, **{"theme": "mesh-dark", "clock": lambda: NOW_MS / 1000, **options})
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        for key in press:
            if key == "turn":
                await fake.turn()
            else:
                await pilot.press(key)
            await pilot.pause()
        await pilot.pause(0.3)
        return app.export_screenshot(title="meshtui")


def main() -> None:
    width, _, height = sys.argv[1].partition("x")
    target = Path(sys.argv[2])
    options = dict(each.split("=", 1) for each in sys.argv[3:] if "=" in each)
    keys = [each for each in sys.argv[3:] if "=" not in each]
    kept: dict[str, Any] = dict(options)
    kept["ascii"] = options.get("ascii") == "1"
    svg = asyncio.run(picture((int(width), int(height)), *keys, **kept))
    target.write_text(svg, encoding="utf-8")
    try:
        import cairosvg
    except ImportError:
        return
    svg = svg.replace("Fira Code", "DejaVu Sans Mono")
    cairosvg.svg2png(bytestring=svg.encode(), write_to=str(target.with_suffix(".png")), output_width=int(width) * 10)


if __name__ == "__main__":
    main()
