"""Latency is measured ahead of whatever else the machine does, where whoever runs the benchmark may arrange that.

A question that waits for a core because a compiler has it tells nothing about a proxy. At the fixed rate the load, the
origin and every contestant alike run as real-time processes (SCHED_RR), which Linux lets go first; at most a core's
worth of work, so others are not held up for long. Whoever may not (it takes root, or CAP_SYS_NICE) measures as it is.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_FIRST = os.sched_param(1)
_USUAL = os.sched_param(0)


def allowed() -> bool:
    """Tell whether this user may run processes ahead of others."""
    with ahead([os.getpid()]) as first:
        return first


@contextmanager
def ahead(pids: Iterable[int]) -> Iterator[bool]:
    """Run processes, each thread of theirs, ahead of all others for a while; yields whether that was allowed."""
    threads = [int(path.name) for pid in pids for path in Path(f"/proc/{pid}/task").iterdir()]
    try:
        first = all(_schedule(thread, os.SCHED_RR, _FIRST) for thread in threads)
        yield first
    finally:
        for thread in threads:
            _schedule(thread, os.SCHED_OTHER, _USUAL)


def _schedule(thread: int, policy: int, param: os.sched_param) -> bool:
    try:
        os.sched_setscheduler(thread, policy, param)
    except PermissionError:
        return False
    except ProcessLookupError:
        return True  # it has ended since
    return True
