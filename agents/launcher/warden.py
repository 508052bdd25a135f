"""Outlives the launcher by a moment: kills the process groups that a launcher which died had still running.

Started by `process` by its path, with `python -I -S`; reads lines `+GROUP` and `-GROUP` on stdin. The kernel takes
care of the programs themselves (see shim); this is for what they started in turn. End of input means that the launcher
is gone, however it went.
"""

import contextlib
import os
import signal
import sys


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line[0] == "+":
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
