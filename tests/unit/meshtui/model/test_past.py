"""Going through what was asked for."""

from meshtui.model.past import Past


def past(text: str, most: int = 10) -> Past[str]:
    made: Past[str] = Past(most)
    for each in text:
        made.add(each)
    return made


def test_back_and_forth_end_where_it_ends() -> None:
    made = past("abc")
    assert [made.go(-1), made.go(-1), made.go(-1)] == ["b", "a", None]
    assert [made.go(1), made.go(1), made.go(1)] == ["b", "c", None]


def test_the_last_two_come_in_turn_however_many_there_are() -> None:
    made = past("abc")
    assert [made.turn(), made.turn(), made.turn()] == ["b", "c", "b"]
    made.add("d")
    assert [made.turn(), made.turn()] == ["b", "d"]


def test_something_new_takes_the_place_of_what_came_after() -> None:
    made = past("abc")
    made.go(-2)
    made.add("d")
    assert made.go(1) is None
    assert made.go(-1) == "a"


def test_the_oldest_goes() -> None:
    made = past("abcd", most=2)
    assert [made.go(-1), made.go(-1)] == ["c", None]
    assert [made.turn(), made.turn()] == ["d", "c"]
    assert past("ab", most=1).turn() is None


def test_nothing_is_nowhere() -> None:
    assert [past("").go(-1), past("").turn(), past("a").turn()] == [None] * 3
