"""Filters over every line that is painted: no control characters ever, nothing but ASCII where asked for.

The app sets them, the second with `--ascii`; widgets may draw better ASCII of their own, whatever they leave is
translated here.
"""

from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from meshtui.model.clean import bare

SIGNS = {
    **dict.fromkeys("√✓", "+"),
    **dict.fromkeys("×✗", "x"),
    **dict.fromkeys("▲↑", "^"),
    **dict.fromkeys("▼↓", "v"),
    **dict.fromkeys("→›▶▸", ">"),
    **dict.fromkeys("←‹◀◂", "<"),
    **dict.fromkeys("─━═╌┄╴╶▁▔⎺⎽", "-"),
    **dict.fromkeys("│┃║┆╎▏▎▍▌▐▕", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝", "+"),
    **dict.fromkeys("▂▃", "."),
    **dict.fromkeys("▄▅", "="),
    **dict.fromkeys("▆▇█▉▊▋▀■", "#"),
    "‼": "!",
    "•": "*",
    "·": "-",
    "…": "~",
    "µ": "u",
    "⏸": "=",
}
_TABLE = str.maketrans(SIGNS)


@lru_cache(4096)
def plain(text: str) -> str:
    """Return a text of the same width in ASCII."""
    if text.isascii():
        return text
    text = text.translate(_TABLE)
    return "".join(each if each.isascii() else "?" * cell_len(each) for each in text)


class Bare(LineFilter):
    """Lets no control character through: paths, headers and logs are other people's text."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        if all(control or text.isprintable() for text, _, control in segments):
            return segments
        return [Segment(text if control else bare(text), style, control) for text, style, control in segments]


class Ascii(LineFilter):
    """Lets nothing but ASCII through."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [Segment(plain(text), style, control) for text, style, control in segments]
