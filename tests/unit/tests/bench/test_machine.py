"""The machine is told as the kernel names it."""

from tests.bench.machine import cpu_model, describe

RESULT = {
    "machine": {
        "cpu": "Some CPU", "cores": 2, "memory_mib": 8192, "kernel": "Linux 6.1", "architecture": "x86_64",
        "load_average": 0.5,
    },
    "versions": {"meshtui": "1.0", "wrk": ""},
    "rounds": 3,
    "seconds": 2.0,
    "date": "2026-01-02",
}  # fmt: skip


def test_cpu_model():
    assert cpu_model("processor\t: 0\nmodel name\t: Some CPU @ 2.0GHz\nmodel\t\t: 5\n") == "Some CPU @ 2.0GHz"
    assert cpu_model("processor\t: 0\n") == ""


def test_how_latencies_were_had():
    sides = {"meshtui": {"late_p99_ms": 0.125}, "envoy": {"late_p99_ms": 0.25}, "haproxy": {}}
    rows = [{"direct": {"late_p99_ms": 0.1}, "proxies": sides}, {"direct": None, "proxies": {"meshtui": {}}}]
    told = describe(RESULT | {"ahead": True, "rows": rows})
    assert told.endswith(
        " 2026-01-02. At the fixed rate all that took part ran ahead of the machine's other work (SCHED_RR); "
        "99 of 100 questions were asked within 0.25 ms of being due."
    )
    assert "ran beside whatever else the machine did;" in describe(RESULT | {"ahead": False, "rows": rows})


def test_describe():
    assert describe(RESULT) == (
        "Some CPU, 2 cores, 8 GiB, Linux 6.1 (x86_64), load average 0.5 at the start; meshtui 1.0; "
        "3 rounds of 2 s; 2026-01-02."
    )
