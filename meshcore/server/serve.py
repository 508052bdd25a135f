"""From start to end of a control plane's process: lock, doors, signals, drain.

`__main__` calls `serve` under uvloop. A kill -9 at any point leaves nothing that the next start cannot use.
"""

import asyncio
import fcntl
import logging
import os
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meshcore.server.options import Options
from meshcore.server.plane import Plane

log = logging.getLogger("meshcore.server")

DRAIN_S = 0.5


class StartError(Exception):
    """A control plane that cannot start; `str()` is one line."""


async def serve(options: Options) -> None:
    """Run until SIGTERM or SIGINT; raises StartError, AuthorityError or OSError."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with claim(options.folder):
        plane = Plane(options)
        servers = await plane.listen()
        log.info("ready", extra={"fields": {"mesh": options.mesh, "socket": str(options.socket)}})
        work = asyncio.create_task(plane.run())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        # Answers in the making have a moment, then streams are cut; sidecars go on with what they know.
        plane.discovery.close()
        await asyncio.gather(*(server.stop(DRAIN_S) for server in servers))
        options.socket.unlink(missing_ok=True)
        if work.done():
            await work  # raises what broke it
        work.cancel()


@contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Hold a folder that nobody else can read, as its only control plane; raises StartError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    info = folder.stat()
    if info.st_uid != os.getuid():
        raise StartError(f"{folder} belongs to somebody else; give a folder of your own")
    if stat.S_IMODE(info.st_mode) & 0o077:
        folder.chmod(0o700)
    with (folder / "control.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartError(f"a control plane already runs in {folder}") from None
        yield
