"""Sentences in as many lines as they take: what is said in the place of rows, of a drawing, or of a log."""

import textwrap

NARROWEST = 20


def wrapped(text: str, width: int) -> list[str]:
    """Return a text's lines, none longer than `width`; what goes on in the next line is indented by two."""
    width = max(NARROWEST, width)
    lines: list[str] = []
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        # A path or a name with hyphens stays whole where a line has room for it: people copy them.
        lines += textwrap.wrap(
            line.strip(), width, initial_indent=indent, subsequent_indent="  ", break_on_hyphens=False
        ) or [""]
    return lines
