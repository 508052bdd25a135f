"""Pictures of screens, kept as SVG files and compared as text.

`compare` reads the kept picture and fails where the new one differs, leaving the new one beside it as `.new.svg`;
with MESHTUI_SNAPSHOTS=update in the environment it keeps the new one instead.
"""

import os
import re
from pathlib import Path

UPDATE = "MESHTUI_SNAPSHOTS"
_IDS = re.compile(r"terminal-\d+(-[a-z0-9-]+)?")
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def normal(svg: str) -> str:
    """Return an SVG without what differs from run to run: generated ids; and without web fonts."""
    return _FONTS.sub("", _IDS.sub(lambda match: f"terminal{match[1] or ''}", svg))


def words(svg: str) -> str:
    """Return the lines of text in an SVG, to say what changed."""
    lines: dict[float, list[tuple[float, str]]] = {}
    for x, y, text in re.findall(r'<text[^>]* x="([\d.]+)" y="([\d.]+)"[^>]*>(.*?)</text>', svg):
        lines.setdefault(float(y), []).append((float(x), text.replace("&#160;", " ")))
    return "\n".join("".join(text for _, text in sorted(lines[y])).rstrip() for y in sorted(lines))


def compare(svg: str, kept: Path) -> None:
    """Hold a picture against the one that was kept."""
    new, beside = normal(svg), kept.with_suffix(".new.svg")
    if os.environ.get(UPDATE) == "update":
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(new, encoding="utf-8")
        beside.unlink(missing_ok=True)
        return
    assert kept.exists(), f"no picture is kept at {kept}: run once with {UPDATE}=update and look at it"
    old = kept.read_text(encoding="utf-8")
    if new == old:
        beside.unlink(missing_ok=True)
        return
    beside.write_text(new, encoding="utf-8")
    before, after = words(old), words(new)
    assert before == after, f"the picture changed; the new one is {beside}"
    raise AssertionError(f"only colours or places changed; the new picture is {beside}")
