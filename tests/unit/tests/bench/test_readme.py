"""The README's figures come from a result that is kept, and from nowhere else."""

import json

import pytest

from tests.bench.readme import BEGIN, END, PUBLISHED, README, replace, section


def test_the_readme_says_what_was_measured():
    assert section(json.loads(PUBLISHED.read_text())) in README.read_text()


def test_only_what_is_between_the_markers_changes():
    assert replace(f"before\n{BEGIN}\nold\n{END}\nafter\n", "new") == "before\nnew\nafter\n"


@pytest.mark.parametrize("text", ["", BEGIN, END + BEGIN, BEGIN + END + BEGIN + END])
def test_a_readme_without_one_place_for_it_is_left_alone(text):
    with pytest.raises(ValueError, match="needs one line"):
        replace(text, "new")
