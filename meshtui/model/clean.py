"""Text of others made safe to paint: no escape sequences, no control characters.

Programs colour their logs, and a request may carry any byte; neither may reach the terminal as a command.
"""

import re

_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC: titles, links, clipboard
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"  # DCS and other strings
    r"|\x1b[ -/]*[0-~]"
)
_CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029])


def clean(text: str) -> str:
    """Return a text without what a terminal would obey; tabs become spaces."""
    if text.isprintable():
        return text
    return _SEQUENCES.sub("", text).expandtabs().translate(_CONTROLS)


def bare(text: str) -> str:
    """Return a text without control characters and of the same width; the last guard before the terminal."""
    return text if text.isprintable() else text.translate(_CONTROLS)
