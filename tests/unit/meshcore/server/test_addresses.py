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


def test_the_address_of_before_comes_first() -> None:
    assert bind("127.0.0.1:5", lambda address: int(address.rpartition(":")[2])) == "127.0.0.1:5"


def test_a_port_that_is_taken_is_passed_over() -> None:
    tried: list[str] = []

    def listen(address: str) -> int:
        tried.append(address)
        if len(tried) < 3:
            raise RuntimeError("in use")
        return int(address.rpartition(":")[2])

    bound = bind("127.0.0.1:5", listen)
    assert tried[0] == "127.0.0.1:5"
    assert int(bound.rpartition(":")[2]) in PORTS


def test_at_last_any_port_will_do() -> None:
    def listen(address: str) -> int:
        if not address.endswith(":0"):
            raise OSError
        return 40000

    assert bind("", listen) == "127.0.0.1:40000"
    with pytest.raises(OSError, match="no port is free"):
        bind("", lambda _: 0)
