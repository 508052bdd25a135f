"""HAProxy's configuration, for those parts that differ between kinds of traffic."""

import pytest

from tests.bench.haproxy import configuration
from tests.bench.rows import Way


def lines(tmp_path, kind, *, pair, inbound):
    text = configuration(tmp_path, Way(kind, pair=pair), 1, 2, inbound=inbound)
    return {words[0]: line.strip() for line in text.splitlines() if (words := line.split()) and line.startswith("    ")}


@pytest.mark.parametrize(
    ("kind", "mode", "hop"), [("http", "http", "alpn h2"), ("grpc", "http", "alpn h2"), ("tcp", "tcp", "required")]
)
def test_a_pair(tmp_path, kind, mode, hop):
    inner = lines(tmp_path, kind, pair=True, inbound=True)
    outer = lines(tmp_path, kind, pair=True, inbound=False)
    assert inner["mode"] == f"mode {mode}"
    for side, name in ((inner["bind"], "origin"), (outer["server"], "client")):
        assert side.endswith(hop)
        assert f"{name}.both" in side
        assert "verify required" in side


def test_one_proxy(tmp_path):
    assert lines(tmp_path, "http", pair=False, inbound=True)["server"] == "server origin 127.0.0.1:2"
    assert lines(tmp_path, "grpc", pair=False, inbound=True)["bind"] == "bind 127.0.0.1:1 proto h2"
