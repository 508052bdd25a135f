"""The process about itself: standard names, plausible values."""

from agents.sidecar.admin.process import families
from agents.sidecar.state.others import Others


def test_the_names_are_the_usual_ones():
    text = "".join(slice_ for family in families(Others()) for slice_ in family.lines())
    values = dict(line.split(" ") for line in text.splitlines() if not line.startswith("#"))
    assert set(values) >= {
        "process_cpu_seconds_total",
        "process_start_time_seconds",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_max_fds",
    }
    assert float(values["process_resident_memory_bytes"]) > 1e6
