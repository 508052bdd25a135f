"""Waits grow to a bound, differ by chance, and begin anew after success."""

from meshcore.backoff import Backoff


def test_waits_double_to_the_most() -> None:
    backoff = Backoff(first=1.0, most=5.0, chance=lambda: 0.0)
    assert [backoff.next() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.reset()
    assert backoff.next() == 1.0


def test_chance_takes_up_to_a_half() -> None:
    assert Backoff(first=1.0, chance=lambda: 1.0).next() == 0.5


def test_what_the_other_side_asked_for_is_the_least() -> None:
    assert Backoff(first=1.0, chance=lambda: 0.0).next(at_least=9.0) == 9.0


def test_an_attempt_that_lived_begins_anew() -> None:
    backoff = Backoff(first=1.0, chance=lambda: 0.0)
    assert [backoff.after(lived) for lived in (0.0, 1.0, 4.0, 60.0)] == [1.0, 2.0, 4.0, 1.0]
