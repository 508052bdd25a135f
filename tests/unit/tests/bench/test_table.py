"""The table: a line for each proxy, and the ratio of ours to the other."""

from tests.bench.table import render


def proxy(cpu, errors=0):
    return {
        "cpu_us_per_request": cpu,
        "p50_ms": 1.0,
        "p99_ms": 2.0,
        "rss_kib": 32768,
        "private_kib": 16384,
        "errors": errors,
    }


def test_lines_and_ratio():
    lines = render([{"name": "http1", "proxies": {"meshtui": proxy(20.0), "envoy": proxy(40.0, 3)}}]).splitlines()
    assert lines[0].split()[:2] == ["ROW", "PROXY"]
    assert lines[1].split() == ["http1", "meshtui", "20.0", "1.00", "2.00", "32.0", "16.0", "0"]
    assert lines[2].split()[-1] == "3"
    assert lines[3].split() == ["ratio", "0.50", "1.00", "1.00", "1.00", "1.00"]
