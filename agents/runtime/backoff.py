"""Waiting longer after each failure, and never in step with the neighbours."""

import random

FIRST_S = 0.1
LONGEST_S = 2.0
STEADY_S = 5.0  # what lived this long was no failure


class Backoff:
    """The pauses between attempts: doubled up to a limit, each cut short by up to half at random."""

    def __init__(self, first_s: float = FIRST_S, longest_s: float = LONGEST_S) -> None:
        self._first = first_s
        self._longest = longest_s
        self._next = first_s

    def pause(self, lived_s: float = 0.0) -> float:
        """Return how long to wait now; an attempt that lived long enough starts the series anew."""
        if lived_s >= STEADY_S:
            self._next = self._first
        pause = self._next
        self._next = min(self._longest, pause * 2)
        return pause * random.uniform(0.5, 1.0)  # noqa: S311 - not for secrets
