"""What `/` understands: a regular expression, `!` for its opposite, `-f` for fuzzy, `-l` for labels (k9s's grammar).

Tables and lists ask `parse` for a Filter and then offer it their texts. Pure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


class FilterError(ValueError):
    """A filter that cannot be understood; `str()` is one line."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One parsed filter; the empty one lets everything pass."""

    text: str = ""
    pattern: re.Pattern[str] | None = None
    inverse: bool = False
    fuzzy: str = ""
    labels: tuple[tuple[str, str], ...] = field(default=())

    def __bool__(self) -> bool:
        return bool(self.text)

    def passes(self, text: str, labels: Mapping[str, str] | None = None) -> bool:
        """Tell whether a row of this text (and these labels) stays."""
        if self.labels:
            return labels is not None and all(labels.get(key) == value for key, value in self.labels)
        if self.fuzzy:
            return subsequence(self.fuzzy, text.lower())
        if self.pattern is not None:
            return (self.pattern.search(text) is None) is self.inverse
        return True


EVERYTHING = Filter()


def parse(text: str) -> Filter:
    """Return the filter a person typed; raises FilterError with the reason."""
    text = text.strip()
    if not text:
        return EVERYTHING
    if text.startswith("-f"):
        wanted = text[2:].strip().lower()
        return Filter(text, fuzzy=wanted) if wanted else EVERYTHING
    if text.startswith("-l"):
        return _labels(text, text[2:].strip())
    inverse = text.startswith("!")
    body = text[1:].strip() if inverse else text
    if not body:
        return EVERYTHING
    try:
        return Filter(text, re.compile(body, re.IGNORECASE), inverse)
    except re.error as error:
        raise FilterError(f"{body!r} is not a regular expression: {error}") from None


def subsequence(wanted: str, text: str) -> bool:
    """Tell whether the letters of `wanted` stand in `text` in that order."""
    rest = iter(text)
    return all(letter in rest for letter in wanted if letter != " ")


def _labels(text: str, body: str) -> Filter:
    pairs = []
    for part in filter(None, (each.strip() for each in body.split(","))):
        key, sign, value = part.partition("=")
        if not sign or not key.strip():
            raise FilterError(f"{part!r} is not a label: write -l key=value,key=value")
        pairs.append((key.strip(), value.strip().removeprefix("=")))
    return Filter(text, labels=tuple(pairs)) if pairs else EVERYTHING
