"""Lines come out whole, however they were cut up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshcore.kube.lines import Lines, LineTooLong


@given(st.binary(max_size=200), st.lists(st.integers(1, 40), max_size=20))
def test_any_cut_gives_the_same_lines(data: bytes, sizes: list[int]) -> None:
    lines, got, rest = Lines(), [], data
    for size in [*sizes, len(data)]:
        got += lines.feed(rest[:size])
        rest = rest[size:]
    assert got == data.split(b"\n")[:-1]


def test_a_line_without_end_is_refused_in_time() -> None:
    lines = Lines(most=10)
    assert lines.feed(b"12345") == []
    with pytest.raises(LineTooLong):
        lines.feed(b"678901")
