"""Meshes on this machine: which run, and how the demo is started.

The start screen watches them; the launcher is a program of its own, started here and left to itself.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator

from meshcore.client.place import PlaceError, running
from meshtui.model.scope import Trouble
from meshtui.sources.mesh import LocalMesh

LOOK_S = 1.0
KEPT = 20


async def meshes() -> AsyncIterator[list[LocalMesh]]:
    """Yield the meshes whose control plane is there, whenever that changes."""
    known: list[str] | None = None
    while True:
        try:
            places = [place for place in await asyncio.to_thread(running) if place.socket.exists()]
        except (PlaceError, OSError):
            places = []
        names = [place.name for place in places]
        if names != known:
            known = names
            yield [LocalMesh(place) for place in places]
        await asyncio.sleep(LOOK_S)


async def start_demo() -> AsyncIterator[list[str] | Trouble]:
    """Start the demo mesh, which ends with this process; yield what its launcher says, as it says it."""
    owner = str(os.getpid())
    command = [sys.executable, "-m", "agents", "launch", "demo", "--detach", "--owner-pid", owner]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    said: list[str] = []
    async for line in process.stdout:
        said.append(line.decode("utf-8", "replace").rstrip())
        yield said[-KEPT:]
    status = await process.wait()
    if status:
        yield Trouble(
            said[-1] if said else f"the demo did not start (exit status {status})", "`meshtui check` looks why"
        )
