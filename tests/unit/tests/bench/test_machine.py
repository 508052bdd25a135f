"""The machine is told as the kernel names it."""

from tests.bench.machine import cpu_model, describe


def test_cpu_model():
    assert cpu_model("processor\t: 0\nmodel name\t: Some CPU @ 2.0GHz\nmodel\t\t: 5\n") == "Some CPU @ 2.0GHz"
    assert cpu_model("processor\t: 0\n") == ""


def test_describe():
    result = {
        "machine": {
            "cpu": "Some CPU", "cores": 2, "memory_mib": 8192, "kernel": "Linux 6.1", "architecture": "x86_64",
            "load_average": 0.5,
        },
        "versions": {"meshtui": "1.0", "wrk": ""},
        "rounds": 3,
        "seconds": 2.0,
        "date": "2026-01-02",
    }  # fmt: skip
    assert describe(result) == (
        "Some CPU, 2 cores, 8 GiB, Linux 6.1 (x86_64), load average 0.5 at the start; meshtui 1.0; "
        "3 rounds of 2 s; 2026-01-02."
    )
