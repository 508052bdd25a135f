"""`${…}` in the values of a mesh.yaml: which names a text refers to, and the text with them filled in.

Pure. `$${` stands for a literal `${`; `${name:-text}` falls back on text.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import NamedTuple

_REFERENCE = re.compile(
    r"\$(?P<literal>\$\{)|\$\{(?P<name>[^}:]*)(?::-(?P<default>[^}]*))?\}|\$\{(?P<open>.*)", re.DOTALL
)


class Unknown(NamedTuple):
    """A reference that cannot be filled in."""

    problem: str
    fix: str


def expand(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with its references filled in; those that have no value stay as they are."""

    def fill(match: re.Match[str]) -> str:
        if match["literal"]:
            return "${"
        if match["name"] is None:
            return match[0]
        return values.get(match["name"], match[0] if match["default"] is None else match["default"])

    return _REFERENCE.sub(fill, text)


def unknown(text: str, values: Mapping[str, object]) -> Unknown | None:
    """Return the first reference in `text` that has no value, or None."""
    for match in _REFERENCE.finditer(text):
        if match["literal"]:
            continue
        if match["open"] is not None:
            return Unknown("${ without }", "write $${ for a literal ${")
        name = match["name"]
        if name in values or match["default"] is not None:
            continue
        if name.startswith("env."):
            return Unknown(f"{name[4:]} is not set in the environment", f"${{{name}:-TEXT}} gives it a default")
        if re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
            return Unknown(
                f"${{{name}}} is unknown", f"${{env.{name}}} is meshtui's own environment, $${{{name}}} is literal"
            )
        near = get_close_matches(name, list(values), 1)
        if near:
            return Unknown(f"${{{name}}} is unknown", f"did you mean ${{{near[0]}}}?")
        known = ", ".join(key for key in values if not key.startswith("env."))
        return Unknown(f"${{{name}}} is unknown", f"known here: {known}")
    return None
