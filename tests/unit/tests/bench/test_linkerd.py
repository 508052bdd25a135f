"""What the program that LINKERD2_PROXY names is told, and what is said where there is none."""

import pytest

from tests.bench import tools
from tests.bench.linkerd import HELP, orders
from tests.bench.rows import Way


def test_every_variable_is_explained(tmp_path):
    told = orders(tmp_path, Way("grpc", pair=True), 4000, 5000, inbound=False)
    assert told == {
        "BENCH_LISTEN": "127.0.0.1:4000",
        "BENCH_TO": "127.0.0.1:5000",
        "BENCH_SIDE": "outbound",
        "BENCH_KIND": "grpc",
        "BENCH_TLS": "1",
        "BENCH_CERTS": str(tmp_path),
    }
    assert [name for name in told if name not in HELP] == []


@pytest.mark.parametrize("path", ["", "/nowhere/linkerd2-proxy"])
def test_no_program(monkeypatch, path):
    monkeypatch.setenv("LINKERD2_PROXY", path)
    with pytest.raises(tools.MissingError, match="LINKERD2_PROXY"):
        tools.linkerd()
