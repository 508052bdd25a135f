"""`down`: ends a mesh and waits until it is gone."""

import os
import select
import signal
import sys

from meshcore.client.place import PlaceError, find

LIMIT_S = 30.0


def down(mesh: str | None) -> int:
    """End the mesh of that name, or the only one; return the exit status."""
    try:
        place = find(mesh)
    except PlaceError as error:
        sys.stderr.write(f"{error}; {error.hint}\n")
        return 1
    pid = place.launcher_pid()
    if pid is None:
        sys.stdout.write(f"mesh {place.name} has ended\n")
        return 0
    try:
        handle = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(handle, signal.SIGTERM)
            ended, _, _ = select.select([handle], [], [], LIMIT_S)
        finally:
            os.close(handle)
    except ProcessLookupError:
        ended = [pid]
    if not ended:
        sys.stderr.write(
            f"mesh {place.name} still runs after {LIMIT_S:g} s; `kill -9 {pid}` ends its launcher and all\n"
        )
        return 1
    sys.stdout.write(f"mesh {place.name} has ended\n")
    return 0
