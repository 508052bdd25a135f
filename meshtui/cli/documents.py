"""A YAML stream cut into its documents, as text, so that each can be written anew and the others stay as they are.

`meshtui.cli.injecting` reads what is a document; directives, the markers between documents and the comments there are
nobody's to change. Knows lines, and nothing of what documents hold.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_BYTE_ORDER_MARK = "\ufeff"
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_MARKER = re.compile(r"(---|\.\.\.)(\s+#.*|\s*)$")
_START = re.compile(r"---\s")
_BETWEEN = re.compile(r"\s*(?:#|$)|%")


class Part(NamedTuple):
    """Some lines: those of a document, or what is outside of all."""

    text: str
    document: bool
    line: int  # its first, counted from zero


def cut(text: str) -> Iterator[Part]:
    """Yield the parts of a stream, which are all of it."""
    lines: list[str] = []
    inside = False
    first = 0
    at = 0

    def part() -> Iterator[Part]:
        nonlocal lines, first
        if lines:
            yield Part("".join(lines), inside, first)
        lines, first = [], at

    for at, line in enumerate(_LINE.findall(text)):
        if line.startswith(_BYTE_ORDER_MARK) and not (inside and lines):
            yield from part()
            yield Part(_BYTE_ORDER_MARK, False, at)
            line = line.removeprefix(_BYTE_ORDER_MARK)  # noqa: PLW2901 - there is no line but this
        marker = _MARKER.match(line)
        if marker:
            # Outside of the document, lest what stands behind the dashes is moved.
            yield from part()
            yield Part(line, False, at)
            inside, first = marker[1] == "---", at + 1
            continue
        if _START.match(line) or not (inside or _BETWEEN.match(line)):
            yield from part()
            inside = True
        lines.append(line)
    yield from part()
