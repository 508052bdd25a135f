"""The table: verdicts and their signs on the left, a line for each proxy beside them, 120 columns at most."""

from tests.bench.rows import ROWS
from tests.bench.table import render


def proxy(cpu, rounds=3):
    return {
        "cpu_us": cpu,
        "cpu_us_rounds": [cpu] * rounds,
        "rate": 123456.7,
        "added_p50_ms": 10.01,
        "added_p99_ms": 100.02,
        "added_p999_ms": 1000.03,
        "idle_private_kib": 16384,
        "loaded_private_kib": 204800,
        "idle_resident_kib": 32768,
        "loaded_resident_kib": 409600,
    }


def result(row):
    ours = {"meshtui": proxy(20.04), f"meshtui+{row.state}": proxy(10000.0)} if row.state else {"meshtui": proxy(20.04)}
    others = {} if row.state else {"envoy": proxy(10000.0), "haproxy": proxy(9.0)}
    return {"name": row.name, "unit": row.unit, "proxies": ours | others}


def test_a_row():
    lines = render([result(ROWS[0])]).splitlines()
    assert lines[1].split() == [
        "http1", "CPU", "0.00", "≤", "0.6", "✓", "meshtui", "20.0", "123,457", "10.01", "100.02", "1000.03",
        "16/200", "32/400",
    ]  # fmt: skip
    assert lines[2].split()[:9] == ["per", "request", "p99", "ms", "100.02", "<", "1", "✗", "envoy"]
    assert lines[4].split() == ["resident", "1.00", "<", "0.5", "✗"]


def test_what_was_not_measured_is_left_empty():
    bare = {name: value for name, value in proxy(5.0).items() if not name.startswith("added")}
    (line,) = (
        line
        for line in render([{**result(ROWS[-1]), "proxies": {"meshtui": bare, "meshtui+routes": bare}}]).splitlines()
        if "meshtui+" in line
    )
    assert line.split()[-4:] == ["5.0", "123,457", "16/200", "32/400"]


def test_a_goal_that_is_missed_by_little_does_not_look_met():
    missed = result(ROWS[0])
    missed["proxies"] |= {"meshtui": proxy(12.04), "envoy": proxy(20.0)}
    assert render([missed]).splitlines()[1].split()[1:6] == ["CPU", "0.602", "≤", "0.6", "✗"]


def test_every_row_at_its_widest_fits():
    assert max(map(len, render([result(row) for row in ROWS]).splitlines())) <= 120
