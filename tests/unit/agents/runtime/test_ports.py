"""Ports as people write them."""

import pytest

from agents.runtime.ports import parse_ports


def test_ports_as_people_write_them() -> None:
    assert parse_ports("") == ()
    assert parse_ports("25, 6379,9000-9010") == ((25, 25), (6379, 6379), (9000, 9010))


@pytest.mark.parametrize("text", ["x", "0", "70000", "9-8", "9-", "1-2-3", "²"])
def test_bad_ports_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="is neither a port|outside 1 to 65535"):
        parse_ports(text)
