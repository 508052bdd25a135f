"""What `/` understands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.model.filter import EVERYTHING, FilterError, parse, subsequence


def test_an_empty_filter_lets_everything_pass() -> None:
    assert parse("  ") is EVERYTHING
    assert not EVERYTHING
    assert EVERYTHING.passes("anything")


def test_a_regular_expression_is_searched_for_without_case() -> None:
    wanted = parse("^WEB")
    assert wanted.passes("web-0")
    assert not wanted.passes("a web")


def test_an_exclamation_mark_turns_it_round() -> None:
    wanted = parse("!web|bot")
    assert wanted.passes("emoji")
    assert not wanted.passes("vote-bot")


def test_fuzzy_takes_letters_in_order() -> None:
    wanted = parse("-f vtg")
    assert wanted.passes("voting")
    assert not wanted.passes("gvt")


def test_labels_must_all_be_equal() -> None:
    wanted = parse("-l app=web, tier==front")
    assert wanted.passes("x", {"app": "web", "tier": "front", "more": "1"})
    assert not wanted.passes("x", {"app": "web"})
    assert not wanted.passes("app=web tier=front")


@pytest.mark.parametrize("text", ["(", "!*", "-l nonsense", "-l =x"])
def test_what_cannot_be_understood_says_why(text: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["!", "-f", "-l", "-l ,"])
def test_a_filter_that_is_only_begun_lets_everything_pass(text: str) -> None:
    assert parse(text).passes("anything")


@given(st.text(), st.text())
def test_a_text_is_a_subsequence_of_anything_around_it(text: str, more: str) -> None:
    assert subsequence(text, more + text + more)
