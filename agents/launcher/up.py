"""`up FILE`: a mesh, from its file to its end.

Called by main, in the foreground or as the process that `detach` has set apart.
"""

import asyncio
import contextlib
import os
import re
import sys
import time
import traceback
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from agents.launcher import commands
from agents.launcher.address import SOCKET_LIMIT
from agents.launcher.announce import Announcer, pages, summary
from agents.launcher.crew import Crew
from agents.launcher.detach import Relay
from agents.launcher.document import Document, SpecError
from agents.launcher.ending import Ending
from agents.launcher.plan import Instance, Surroundings, plan
from agents.launcher.ports import Ports, occupied
from agents.launcher.rules import check, misnamed
from agents.launcher.spec import Mesh, load
from meshcore.client.channel import Session, open_session
from meshcore.client.failure import ClientError
from meshcore.client.place import Claim, PlaceError, claim

SETTLE_S = 30.0
ANSWER_S = 60.0  # for the control plane's first answer
OK, FAILED, BAD_INPUT = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Order:
    """What `up` was asked for."""

    file: Path
    name: str | None = None
    owner_pid: int | None = None
    owner_fd: int | None = None
    settings: tuple[tuple[str, str, str], ...] = ()  # workload, variable, value: stronger than the file


def up(order: Order, relay: Relay | None) -> int:
    """Run a mesh until told to end; return the exit status. With a relay, its starter waits for the outcome."""
    out = relay or Announcer(sys.stdout)
    try:
        mesh, document = load(order.file)
        mesh = _with_settings(mesh, order)
        held = claim(_name(order, mesh, document))
        _check_length(held)
    except SpecError as error:
        return _refuse(out, relay, str(error), BAD_INPUT)
    except PlaceError as error:
        return _refuse(out, relay, f"{error}; {error.hint}" if error.hint else str(error), FAILED)
    ports = Ports()
    try:
        check(mesh, document, os.environ, occupied)
        around = Surroundings(order.file.absolute().parent, os.environ, sys.executable)
        instances = plan(mesh, around, ports)
        if relay is not None:
            relay.settle_in(held.place.logs / "launcher.log")
        return asyncio.run(_run(order, mesh, held, instances, out, relay))
    except SpecError as error:
        return _refuse(out, relay, str(error), BAD_INPUT)
    except Exception:
        if relay is not None:  # the log goes with the folder, the starter's terminal stays
            relay.complain(traceback.format_exc())
        raise
    finally:
        ports.close()
        held.release()


def _name(order: Order, mesh: Mesh, document: Document) -> str:
    """Return under which name the mesh runs; raises SpecError for one in the file that none can have."""
    if not order.name and (faults := [*misnamed(mesh, document)]):
        raise SpecError(*faults)
    return order.name or mesh.name or _folder_name(order.file)


async def _run(
    order: Order, mesh: Mesh, held: Claim, instances: list[Instance], out: Announcer, relay: Relay | None
) -> int:
    began = time.monotonic()
    ending = Ending()
    ending.listen(order.owner_pid, order.owner_fd)
    place = held.place
    crew = Crew(place, str(order.file.absolute()), place.path / "launcher.json", Announcer(sys.stdout))
    try:
        async with contextlib.AsyncExitStack() as stack:
            crew.start_plane(commands.control(place, mesh.trust_domain, order.file.absolute()))
            session = await _first_answer(crew, stack, ending)
            if session is not None:
                crew.start(instances, session)
                await _either(crew.settled(SETTLE_S), ending)
            if not ending.asked:
                for line in summary(place.name, crew.states, time.monotonic() - began):
                    out.say(line)
                for line in pages(crew.states):
                    out.say(f"  {line}")
                out.say(f"  {_next(detached=relay is not None)}")
                if relay is not None:
                    relay.finish(OK)
            await ending.wait()
            Announcer(sys.stdout).say(f"mesh {place.name} ends: {ending.reason}")
            await crew.stop(ending)
    except ClientError as error:
        await crew.stop(ending)
        lines = crew.plane.state.last_lines if crew.plane else []
        return _refuse(out, relay, "\n".join([str(error), *(f"  | {line}" for line in lines)]), FAILED)
    if relay is not None:
        relay.finish(FAILED)  # no effect if it has settled before
    return OK


async def _first_answer(crew: Crew, stack: contextlib.AsyncExitStack, ending: Ending) -> Session | None:
    """Return a session to the control plane that is starting, None if told to end; raises ClientError."""
    opening = asyncio.create_task(stack.enter_async_context(open_session(crew.place, wait=ANSWER_S)))
    while not opening.done():
        await asyncio.wait({opening}, timeout=0.05)
        hopeless = crew.plane is not None and crew.plane.hopeless
        if ending.asked or hopeless:
            opening.cancel()
            await asyncio.wait({opening})
            if hopeless and crew.plane is not None:
                raise ClientError(f"the control plane does not start: {crew.plane.state.message}")
            return None
    return opening.result()


async def _either(work: Coroutine[Any, Any, None], ending: Ending) -> None:
    """Wait for some work, or for the end."""
    tasks = {asyncio.create_task(work), asyncio.create_task(ending.wait())}
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


def _with_settings(mesh: Mesh, order: Order) -> Mesh:
    workloads = list(mesh.workloads)
    for name, variable, value in order.settings:
        workloads = [
            msgspec.structs.replace(workload, env={**workload.env, variable: value})
            if workload.name == name
            else workload
            for workload in workloads
        ]
    return msgspec.structs.replace(mesh, workloads=workloads)


def _folder_name(file: Path) -> str:
    """Return a mesh's name where the file gives none: the folder's, as far as it can be one."""
    return re.sub(r"[^a-z0-9]+", "-", file.absolute().parent.name.lower()).strip("-")[:63] or "mesh"


def _next(*, detached: bool) -> str:
    if detached:
        return "`meshtui` opens it, `meshtui ps` lists its processes, `meshtui down` ends it"
    return "`meshtui` in another terminal opens it, ctrl-c ends it"


def _check_length(held: Claim) -> None:
    """Refuse a place that is too deep for its socket: unix(7) has room for 107 bytes."""
    if (length := len(os.fsencode(held.place.socket))) > SOCKET_LIMIT:
        held.release()
        raise PlaceError(
            f"the path of {held.place.socket} is {length - SOCKET_LIMIT} bytes too long for a socket",
            "set XDG_RUNTIME_DIR to a shorter one, or give the mesh a shorter name",
        )


def _refuse(out: Announcer, relay: Relay | None, text: str, status: int) -> int:
    if relay is not None:
        relay.complain(text)
        relay.finish(status)
    else:
        sys.stderr.write(f"{text}\n")
    return status
