"""A test is skipped in one way only: by what a tier needs and has not, so that in CI it is a failure instead."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
THE_WAY = TESTS / "support/tools.py"
SKIP = re.compile(r"\b(pytest\.skip|pytest\.importorskip|mark\.skip|mark\.xfail|skipTest|SkipTest)")


def test_nothing_is_skipped_but_for_what_a_tier_needs() -> None:
    found = [
        f"{path.relative_to(TESTS.parent)}: {line.strip()}"
        for path in sorted(TESTS.rglob("*.py"))
        if path not in (THE_WAY, Path(__file__))
        for line in path.read_text().splitlines()
        if SKIP.search(line)
    ]
    assert not found, "tests.support.tools.absent and need are the way to skip"
    assert SKIP.search(THE_WAY.read_text())
