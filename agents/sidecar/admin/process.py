"""The process about itself, under the names that every Prometheus client library uses; of several, their sum."""

import os
import resource
import time

from agents.sidecar.admin.exposition import Family
from agents.sidecar.state.others import Others

_PAGE = os.sysconf("SC_PAGE_SIZE")
_STARTED = time.time()
_FIGURES = {
    "process_virtual_memory_bytes": "virtual_bytes",
    "process_resident_memory_bytes": "rss_bytes",
    "process_open_fds": "descriptors",
    "process_threads": "threads",
}


def families(others: Others) -> list[Family]:
    """Return the process_* families, as far as the system tells."""
    cpu = Family("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.")
    cpu.add("", round(time.process_time() + others.cpu_us / 1e6, 3))
    started = Family(
        "process_start_time_seconds", "gauge", "Time that the process started, in seconds since the Unix epoch."
    )
    started.add("", round(_STARTED, 3))
    limit = Family("process_max_fds", "gauge", "Maximum number of open file descriptors.")
    limit.add("", resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    found = [cpu, started, limit]
    try:
        with open("/proc/self/statm", "rb") as statm:
            size, resident = statm.read().split()[:2]
        descriptors = len(os.listdir("/proc/self/fd"))
        threads = len(os.listdir("/proc/self/task"))
    except (OSError, ValueError):
        return found
    for name, value, text in (
        ("process_virtual_memory_bytes", int(size) * _PAGE, "Virtual memory size in bytes."),
        ("process_resident_memory_bytes", int(resident) * _PAGE, "Resident memory size in bytes."),
        ("process_open_fds", descriptors, "Number of open file descriptors."),
        ("process_threads", threads, "Number of OS threads in the process."),
    ):
        family = Family(name, "gauge", text)
        family.add("", value + others.sum(_FIGURES[name]))
        found.append(family)
    return found
