"""Text of others: nothing in it may command the terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.model.clean import bare, clean


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain × text ▁▂", "plain × text ▁▂"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP1$r0m\x1b\\after", "after"),
        ("a\tb", "a       b"),
        ("back\x08space\r\n", "backspace"),
        ("half\x1b", "half"),
        ("c1 \x9b31m", "c1 31m"),
    ],
)
def test_what_is_left(text: str, wanted: str) -> None:
    assert clean(text) == wanted


@given(st.text())
def test_no_control_character_is_left(text: str) -> None:
    for found in (clean(text), bare(text)):
        assert not any(unicodedata.category(each) == "Cc" for each in found)
