"""Ports are kept over restarts where they are free, and replaced where they are not."""

from pathlib import Path

import pytest

from meshcore.server.addresses import PORTS, Addresses, bind, recall, remember


def test_what_is_remembered_is_recalled(tmp_path: Path) -> None:
    file = tmp_path / "control.json"
    remember(file, Addresses("127.0.0.1:1", "127.0.0.1:2"), mesh="demo")
    assert recall(file) == Addresses("127.0.0.1:1", "127.0.0.1:2")
    assert [path.name for path in tmp_path.iterdir()] == ["control.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"identity": 1}', "\0"])
def test_rubbish_is_as_good_as_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "control.json").write_text(text)
    assert recall(tmp_path / "control.json") is None
    assert recall(tmp_path / "missing.json") is None


async def rest(_: float) -> None:
    """Wait in no time."""


async def test_the_address_of_before_comes_first() -> None:
    assert await bind("127.0.0.1:5", lambda address: int(address.rpartition(":")[2])) == "127.0.0.1:5"


async def test_the_address_of_before_is_waited_for() -> None:
    tried: list[str] = []

    def listen(address: str) -> int:
        tried.append(address)
        return 5 if len(tried) == 3 else 0

    assert await bind("127.0.0.1:5", listen, rest) == "127.0.0.1:5"
    assert tried == ["127.0.0.1:5"] * 3


async def test_a_port_that_is_taken_is_passed_over() -> None:
    tried: list[str] = []

    def listen(address: str) -> int:
        tried.append(address)
        if len(tried) < 13:
            raise RuntimeError("in use")
        return int(address.rpartition(":")[2])

    bound = await bind("127.0.0.1:5", listen, rest)
    assert len(set(tried[10:])) == 3
    assert tried[0] == "127.0.0.1:5"
    assert int(bound.rpartition(":")[2]) in PORTS


async def test_an_address_on_another_ip_is_not_asked_for_again() -> None:
    tried: list[str] = []

    def listen(address: str) -> int:
        tried.append(address)
        return 7

    assert await bind("127.0.0.1:5", listen, rest, ip="fd00::1") == "[fd00::1]:7"
    assert tried[0].startswith("[fd00::1]:")


async def test_at_last_any_port_will_do() -> None:
    def listen(address: str) -> int:
        if not address.endswith(":0"):
            raise OSError
        return 40000

    assert await bind("", listen) == "127.0.0.1:40000"
    with pytest.raises(OSError, match="no port is free"):
        await bind("", lambda _: 0)
