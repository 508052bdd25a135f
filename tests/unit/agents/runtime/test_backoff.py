"""Pauses grow, stay within bounds, and start again after a good time."""

from agents.runtime.backoff import Backoff


def test_pauses_grow_to_the_limit_and_start_again():
    backoff = Backoff(first_s=0.1, longest_s=2.0)
    pauses = [backoff.pause() for _ in range(12)]
    assert 0.05 <= pauses[0] <= 0.1
    assert all(1.0 <= pause <= 2.0 for pause in pauses[5:])
    assert backoff.pause(lived_s=60) <= 0.1
