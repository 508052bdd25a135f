"""What is asked for is measured, and what failed is told in the exit status, too."""

import json

import pytest

from tests.bench.__main__ import main, parse
from tests.bench.readme import PUBLISHED


def asked(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["bench", *arguments])
    return parse()


def test_everything_by_default_and_linkerd_only_where_it_is(monkeypatch):
    monkeypatch.delenv("LINKERD2_PROXY", raising=False)
    args = asked(monkeypatch, "--rows", "")  # as `make bench` without ROWS gives it
    assert len(args.rows) == 14
    assert [make.name for make in args.peers] == ["meshtui", "envoy", "haproxy"]
    monkeypatch.setenv("LINKERD2_PROXY", "/somewhere")
    assert asked(monkeypatch).peers[-1].name == "linkerd2-proxy"


def test_some_rows_beside_nobody(monkeypatch):
    args = asked(monkeypatch, "--rows", "tap,http1", "--peers", "none")
    assert [row.name for row in args.rows] == ["http1", "tap"]
    assert [make.name for make in args.peers] == ["meshtui"]


@pytest.mark.parametrize("wrong", [["--rows", "http9"], ["--peers", "nginx"], ["--rounds", "0"], ["--seconds", "0.5"]])
def test_what_cannot_be_measured(monkeypatch, wrong, capsys):
    with pytest.raises(SystemExit) as ended:
        asked(monkeypatch, *wrong)
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_a_row_that_failed_is_a_failure(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("signal.signal", lambda *_: None)
    result = json.loads(PUBLISHED.read_text())
    file = tmp_path / "result.json"
    monkeypatch.setattr("sys.argv", ["bench", "--result", str(file)])
    file.write_text(json.dumps(result | {"failed": {}}))
    assert main() == 0
    file.write_text(json.dumps(result | {"failed": {"grpc": "envoy did not start"}}))
    assert main() == 1
    assert capsys.readouterr().err == "grpc: not measured: envoy did not start\n"


@pytest.mark.parametrize(
    ("lacking", "asked_for", "measured"), [("", "", True), ("etcd missing", "", False), ("", "http1", False)]
)
def test_the_cluster_is_measured_where_it_can_be_and_was_not_left_out(monkeypatch, lacking, asked_for, measured):
    monkeypatch.setattr("tests.bench.cluster.missing", lambda: lacking)
    assert asked(monkeypatch, "--rows", asked_for).cluster is measured


def test_a_cluster_alone(monkeypatch, capsys):
    monkeypatch.setattr("tests.bench.cluster.missing", lambda: "")
    args = asked(monkeypatch, "--rows", "cluster")
    assert (args.cluster, args.rows) == (True, [])
    monkeypatch.setattr("tests.bench.cluster.missing", lambda: "etcd missing: make cluster-tools")
    with pytest.raises(SystemExit):
        asked(monkeypatch, "--rows", "cluster")
    assert "make cluster-tools" in capsys.readouterr().err
