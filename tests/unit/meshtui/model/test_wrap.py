"""A sentence takes as many lines as it needs, and no word of it is lost."""

from meshtui.model.scope import Trouble, said
from meshtui.model.wrap import wrapped


def test_a_trouble_and_its_hint_are_read_whole() -> None:
    text = said(Trouble("not allowed: ann may not watch stats in all namespaces", "ask of one namespace, with -n"))
    assert wrapped(text, 40) == [
        "× not allowed: ann may not watch stats",
        "  in all namespaces",
        "  ask of one namespace, with -n",
    ]


def test_a_word_that_is_longer_than_the_line_is_cut_and_goes_on() -> None:
    lines = wrapped("x" * 50, 30)
    assert max(map(len, lines)) <= 30
    assert "".join(line.strip() for line in lines) == "x" * 50


def test_a_path_stays_whole_where_it_can() -> None:
    assert wrapped("saved /home/ann/a-b/c-d.svg and .txt", 24) == ["saved", "  /home/ann/a-b/c-d.svg", "  and .txt"]


def test_there_is_always_some_room() -> None:
    assert wrapped("one two", 0) == ["one two"]
