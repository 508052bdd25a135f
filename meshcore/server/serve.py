"""From start to end of a control plane's process: lock, doors, signals, drain.

`__main__` calls `serve` under uvloop. A kill -9 at any point leaves nothing that the next start cannot use.
"""

import asyncio
import fcntl
import logging
import os
import signal
import stat
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshcore.server.memory import share_heap
from meshcore.server.options import ClusterOptions, Options
from meshcore.server.plane import Plane

if TYPE_CHECKING:
    from meshcore.kube.session import Session
    from meshcore.server.cluster import ClusterPlane
    from meshcore.server.doors import Doors
    from meshcore.server.issuer import Issuer

log = logging.getLogger("meshcore.server")

DRAIN_S = 0.5
# A pod that is told to stop is led to until every node has heard of it: so long at least, until nobody came for a
# while, and within what the kubelet grants a pod (30 s).
LINGER_S = 3.0
QUIET_S = 2.0
LIMIT_S = 15.0


class StartError(Exception):
    """A control plane that cannot start; `str()` is one line."""


async def serve(options: Options) -> None:
    """Run a local control plane until SIGTERM or SIGINT; raises StartError, AuthorityError or OSError."""
    stop = _stopping()
    with claim(options.folder):
        plane = Plane(options)
        servers = await plane.listen()
        log.info("ready", extra={"fields": {"mesh": options.mesh, "socket": str(options.socket)}})
        async with _working(plane.run(), stop.wait()):
            # Answers in the making have a moment, then streams are cut; sidecars go on with what they know.
            plane.discovery.close()
            await asyncio.gather(*(server.stop(DRAIN_S) for server in servers))
            options.socket.unlink(missing_ok=True)


async def serve_cluster(options: ClusterOptions) -> None:
    """Run a cluster's control plane until SIGTERM or SIGINT; raises StartError, AuthorityError or OSError."""
    from meshcore.kube.failure import KubeError
    from meshcore.kube.session import open_cluster
    from meshcore.server.doors import Doors, Health
    from meshcore.server.issuer import Issuer

    share_heap()
    stop = _stopping()
    try:
        async with open_cluster(
            options.kubeconfig or None, options.context or None, in_cluster=not options.kubeconfig
        ) as session:
            issuer = Issuer(session, options.namespace, options.folder / "ca") if options.ca is None else None
            doors = Doors(options.listen, Health(issuer.unready if issuer is not None else _starting))
            try:
                await _serve_cluster(options, session, issuer, doors, stop)
            finally:
                await doors.close()
    except KubeError as error:
        raise StartError(f"{error}; {error.hint}") from None


async def _serve_cluster(
    options: ClusterOptions, session: "Session", issuer: "Issuer | None", doors: "Doors", stop: asyncio.Event
) -> None:
    from meshcore.server.cluster import ClusterPlane
    from meshcore.server.doors import admin

    # First of all: an issuer may be waited for as long as somebody needs to make it, and probes ask meanwhile.
    await doors.open("admin", options.ports.admin, admin(doors.health), None)
    if issuer is not None:
        async with _working(issuer.ensure(), stop.wait()):
            pass
        if stop.is_set():
            return
    doors.health.unready = _starting
    plane = ClusterPlane(options, session, issuer, doors)
    servers = await plane.listen()
    log.info("listening", extra={"fields": {"ports": doors.ports, "cluster": session.where}})
    async with _working(plane.run(), _left(plane, stop)):
        plane.core.discovery.close()
        await asyncio.gather(plane.close(), *(server.stop(DRAIN_S) for server in servers))


def _starting() -> Iterator[str]:
    yield "it is starting"


def _stopping() -> asyncio.Event:
    """Return what is set on SIGTERM and SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _left(plane: "ClusterPlane", stop: asyncio.Event) -> None:
    """Return when it was told to stop and nobody is led to it any more."""
    await stop.wait()
    plane.leave()
    if plane.options.kubeconfig:  # not a pod behind Services
        return
    began = time.monotonic()
    await asyncio.sleep(LINGER_S)
    while time.monotonic() < min(plane.doors.answered + QUIET_S, began + LIMIT_S):  # noqa: ASYNC110 - a time, no event
        await asyncio.sleep(QUIET_S / 10)


@asynccontextmanager
async def _working(run: Coroutine[Any, Any, None], stop: Coroutine[Any, Any, Any]) -> AsyncIterator[None]:
    """Work until it is time to stop, then let the body close the doors; raises what broke the work."""
    work = asyncio.create_task(run)
    stopping = asyncio.create_task(stop)
    await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    yield
    if work.done():
        await work
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work


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
