"""Runs between fork and the real program: ties the program's life to the launcher's, then becomes it.

Started by `process` by its path, with `python -I -S`, so that it costs little. The kernel kills the program when
the launcher dies; a launcher that died before that was arranged is noticed by the parent's pid.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
NOT_STARTED = 127


def main() -> None:
    launcher, program, *args = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(launcher):
        sys.exit(NOT_STARTED)
    # Python ignores these two; a program starts with what a shell would give it.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execv(program, args)
    except OSError as error:
        sys.stderr.write(f"cannot start {program}: {error.strerror}\n")
        sys.exit(NOT_STARTED)


if __name__ == "__main__":
    main()
