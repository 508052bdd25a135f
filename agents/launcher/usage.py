"""How the launcher's verbs word their help: as the other verbs of `meshtui` do, which a parser of its own prints."""

import argparse
import textwrap
from collections.abc import Iterable

WIDTH = 80
COLUMN = 30  # where the words about an option begin, at most


def page(parser: argparse.ArgumentParser, actions: Iterable[argparse.Action]) -> str:
    """Return the help of a verb."""
    shown = [action for action in actions if action.help != argparse.SUPPRESS]
    named = [
        (_spelled(action), action.help or "") for action in shown if action.option_strings and action.dest != "help"
    ]
    placed = [action for action in shown if not action.option_strings]
    usage = parser.usage or " ".join([parser.prog, "[OPTIONS]", *map(_place, placed)])
    parts = [f"Usage: {usage}\n"]
    if parser.description:
        parts.append(textwrap.fill(parser.description, WIDTH - 2, initial_indent="  ", subsequent_indent="  ") + "\n")
    if placed:
        parts.append(_listed("Arguments:", [(str(action.metavar), _words(action)) for action in placed]))
    parts.append(_listed("Options:", [*named, ("-h, --help", "Show this message and exit.")]))
    return "\n".join(parts)


def _place(action: argparse.Action) -> str:
    return f"[{action.metavar}]" if action.nargs == "?" else str(action.metavar)


def _words(action: argparse.Action) -> str:
    return action.help or f"One of {', '.join(action.choices or ())}; each has a help of its own."


def _spelled(action: argparse.Action) -> str:
    names = ", ".join(sorted(action.option_strings, key=len))
    if action.nargs == 0:
        return names
    choices = f"<{'|'.join(action.choices)}>" if action.choices else ""
    return f"{names} {action.metavar or choices}"


def _listed(title: str, pairs: list[tuple[str, str]]) -> str:
    """Return two columns; where the left one is too wide, the words begin in the next line."""
    column = min(COLUMN, max(len(name) for name, _ in pairs) + 4)
    lines = [title]
    for name, words in pairs:
        wrapped = textwrap.wrap(words, WIDTH - column - 2)
        fits = len(name) + 4 <= column
        lines.append(f"  {name:{column - 2}}{wrapped.pop(0)}" if fits and wrapped else f"  {name}")
        lines += [" " * column + line for line in wrapped]
    return "\n".join(lines) + "\n"
