"""JSON as dataclasses: what fits is taken as it is, and what does not is told by place, never by value."""

from dataclasses import dataclass, field

import pytest

from agents.runtime.decode import DecodeError, between, decode


@dataclass(frozen=True)
class Part:
    port: int = field(metadata=between(1, 9))


@dataclass(frozen=True)
class Whole:
    name: str
    parts: tuple[Part, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    limit: float = 1.0
    on: bool = False
    extra: Part | None = None


def test_what_fits():
    whole = decode(b'{"name": "a", "parts": [{"port": 1}], "limit": 2, "labels": {"x": "y"}, "extra": null}', Whole)
    assert whole == Whole("a", (Part(1),), {"x": "y"}, 2.0)
    assert type(whole.limit) is float
    assert decode(b'{"name": "a", "extra": {"port": 3}}', Whole).extra == Part(3)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{", "not JSON"),
        ("[]", "the document: expected an object, not a list"),
        ("{}", "name: missing field"),
        ('{"name": "a", "nam": 1}', "nam: unknown field; there are name, parts"),
        ('{"name": 1}', "name: expected a string, not a whole number"),
        ('{"name": "a", "on": 1}', "on: expected true or false, not a whole number"),
        ('{"name": "a", "limit": true}', "limit: expected a number, not true or false"),
        ('{"name": "a", "parts": {}}', "parts: expected a list, not an object"),
        ('{"name": "a", "parts": [{"port": 1}, {"port": 10}]}', r"parts\[1\].port: 10 is not between 1 and 9"),
        ('{"name": "a", "parts": [{"port": true}]}', r"parts\[0\].port: expected a whole number, not true or false"),
        ('{"name": "a", "parts": [3]}', r"parts\[0\]: expected an object, not a whole number"),
        ('{"name": "a", "labels": {"x": 1}}', "labels.x: expected a string"),
        ('{"name": "a", "labels": []}', "labels: expected an object, not a list"),
        ('{"name": "a", "extra": {"port": null}}', "extra.port: expected a whole number, not null"),
    ],
)
def test_what_does_not_fit(text, line):
    with pytest.raises(DecodeError, match=f"^{line}"):
        decode(text.encode(), Whole)
