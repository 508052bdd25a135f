"""Why a command cannot go on, as one line, with the next step and the exit status a script can test."""

from collections.abc import Iterable
from difflib import get_close_matches

USAGE = 2


class Fault(Exception):
    """One line for stderr, what to do about it, and the exit status (2: the command line is wrong, 1: the rest)."""

    def __init__(self, message: str, hint: str = "", *, status: int = 1) -> None:
        super().__init__(message)
        self.hint = hint
        self.status = status

    def __str__(self) -> str:
        return f"{self.args[0]}; {self.hint}" if self.hint else str(self.args[0])


def unknown(what: str, word: str, known: Iterable[str], *, usual: Iterable[str] = (), where: str = "") -> Fault:
    """Return the fault of a word nobody knows, naming the nearest that somebody does, else those that are usual."""
    words = sorted(set(known))
    text = f"unknown {what} {word!r}{where}"
    near = get_close_matches(word, words, 1, 0.5)
    if near:
        return Fault(text, f"did you mean {near[0]}?", status=USAGE)
    shown = list(usual) or words[:8]
    return Fault(text, f"there is {', '.join(shown)}" if shown else "there is none", status=USAGE)
