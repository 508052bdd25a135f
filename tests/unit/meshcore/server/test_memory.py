"""One heap for all threads: a process that asks for it gets no other from its C library."""

import subprocess
import sys

from tests.support.tools import absent

SCRIPT = """
import ctypes, sys, threading
from meshcore.server.memory import share_heap
if not share_heap():
    raise SystemExit(3)
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
def work():
    for _ in range(100):
        assert libc.malloc(ctypes.c_size_t(1000))
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.malloc_stats()
"""


def test_threads_share_one_heap() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 3:
        absent("glibc is missing: this is of its heaps")
    assert done.returncode == 0, done.stderr
    assert "Arena 0:" in done.stderr
    assert "Arena 1:" not in done.stderr
