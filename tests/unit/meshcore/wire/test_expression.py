"""Expressions of RE2: what they find, and what they are not."""

import pytest

from meshcore.wire.expression import LIMIT, searcher


@pytest.mark.parametrize(
    ("expression", "text", "found"),
    [
        ("/v[0-9]+", b"/api/v2/users", True),
        ("^/v[0-9]+", b"/api/v2/users", False),
        ("é", "/café".encode("latin-1"), False),  # bytes are compared with bytes
        ("", b"/", True),
        (r"\.(png|svg)$", b"/logo.svg", True),
    ],
)
def test_what_is_found(expression: str, text: bytes, found: bool) -> None:
    assert searcher(expression)(text) is found


def test_one_that_would_take_for_ever_elsewhere() -> None:
    assert not searcher("(a+)+$")(b"a" * 8000 + b"b")


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("(", r"missing \)"),
        ("(?=a)", "invalid perl operator"),
        (r"(a)\1", "invalid escape sequence"),
        ("(a{1000}){1000}", "invalid repetition size|too large"),
        ("a" * (LIMIT + 1), "longer than 1024 bytes"),
    ],
)
def test_what_is_none(expression: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        searcher(expression)
