"""`run --name web --port 8080 --upstream emoji -- COMMAND`: one more workload in a mesh that runs.

In the foreground: the program's output is printed as it is logged, and ctrl-c ends the program and its sidecar. So does
the program's own end, if it ends well; one that fails is started again, like those of a mesh.yaml.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from agents.launcher import journal
from agents.launcher.address import parse
from agents.launcher.announce import Announcer
from agents.launcher.crew import Crew
from agents.launcher.document import Document, Fault, SpecError
from agents.launcher.ending import Ending
from agents.launcher.plan import Instance, Surroundings, plan
from agents.launcher.ports import Ports, occupied
from agents.launcher.rules import check
from agents.launcher.spec import Mesh, Workload
from agents.launcher.state import SUCCEEDED
from agents.launcher.supervise import Supervisor
from meshcore.client.channel import Session, open_session
from meshcore.client.control import status
from meshcore.client.failure import ClientError
from meshcore.client.inventory import pods
from meshcore.client.place import Place, PlaceError, find
from meshcore.wire.common_pb2 import Resource

ANSWER_S = 5.0
ALIVE_S = 0.5
LAST_WORDS_S = 0.3
OK, FAILED, BAD_INPUT = 0, 1, 2
FLAGS = {
    "name": "--name",
    "ports": "--port",
    "upstreams": "--upstream",
    "namespace": "--namespace",
    "kind": "--kind",
    "env": "--env",
    "command": "COMMAND",
}


def run(parsed: argparse.Namespace, command: Sequence[str]) -> int:
    """Run the workload until it is ended; return the exit status."""
    if not command:
        sys.stderr.write("there is no command; give it after --, such as: meshtui run --name web -- python app.py\n")
        return BAD_INPUT
    ports = Ports()
    try:
        workload = Workload(
            name=parsed.name,
            namespace=parsed.namespace,
            kind=parsed.kind,
            command=list(command),
            ports=_ports(parsed.port),
            upstreams=parsed.upstream,
            env=dict(_setting(text) for text in parsed.env),
            proxy=parsed.proxy,
        )
        mesh = Mesh(workloads=[workload])
        check(mesh, Document(file=""), os.environ, occupied, alone=False)
        return asyncio.run(_run(find(parsed.mesh), mesh, ports))
    except SpecError as error:
        sys.stderr.write("".join(f"{_as_flag(fault)}\n" for fault in error.faults))
        return BAD_INPUT
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return BAD_INPUT
    except (PlaceError, ClientError) as error:
        sys.stderr.write(f"{error}; {error.hint}\n" if error.hint else f"{error}\n")
        return FAILED
    finally:
        ports.close()


async def _run(place: Place, mesh: Mesh, ports: Ports) -> int:
    ending = Ending()
    ending.listen()
    async with open_session(place, wait=ANSWER_S) as session:
        instance = await _instance(session, mesh, ports)
        announcer = Announcer(sys.stderr)
        state_file = place.path / f"launcher-{os.getpid()}.json"
        crew = Crew(place, " ".join(instance.command), state_file, announcer)
        crew.start([instance], session, once=True)
        log = crew.supervisors[0].log  # may hold what an earlier pod of this name has said
        printing = asyncio.create_task(_print(log, journal.size(log)))
        watching = asyncio.create_task(_watch(place, crew.supervisors[0], ending))
        await ending.wait()
        announcer.say(f"{instance.label} ends: {ending.reason}")
        await crew.stop(ending)
        await asyncio.wait({printing}, timeout=LAST_WORDS_S)  # what was logged last is printed, too
        for task in (printing, watching):
            task.cancel()
    return OK if place.alive() else FAILED


async def _instance(session: Session, mesh: Mesh, ports: Ports) -> Instance:
    """Plan the workload's one instance, with a pod name that is not taken."""
    workload = mesh.workloads[0]
    namespace = workload.namespace or (await status(session)).default_namespace or "default"
    target = Resource(namespace=namespace, kind="pod")
    known = (await pods(session, [target])).pods
    taken = {pod.status.pod for pod in known}
    _warn(workload, namespace, {(pod.status.namespace, pod.status.name) for pod in (await pods(session)).pods})
    first = next(number for number in range(len(taken) + 1) if f"{workload.name}-{number}" not in taken)
    around = Surroundings(Path.cwd(), os.environ, sys.executable, first)
    mesh = Mesh(workloads=[workload], namespace=namespace)
    return plan(mesh, around, ports)[0]


def _warn(workload: Workload, namespace: str, offered: set[tuple[str, str]]) -> None:
    """Say which upstreams nobody offers yet: services are added one at a time, so that is no fault."""
    from agents.launcher.upstreams import targets

    for target in targets(workload.upstreams, namespace).values():
        if (target.namespace, target.name) not in offered:
            sys.stderr.write(f"nobody offers {target.name} in namespace {target.namespace} yet\n")


async def _print(log: Path, start: int) -> None:
    async for line in journal.follow(log, start):
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


async def _watch(place: Place, supervisor: Supervisor, ending: Ending) -> None:
    """End with the program, or with the mesh."""
    while place.alive():
        if supervisor.state.phase == SUCCEEDED:
            ending.ask("exit status 0")
            return
        await asyncio.sleep(ALIVE_S)
    ending.ask(f"mesh {place.name} has ended")


def _ports(texts: Sequence[str]) -> dict[str, int | str]:
    """Return ports by name; without a name, the first is http."""
    ports: dict[str, int | str] = {}
    for text in texts:
        name, equals, given = text.rpartition("=")
        wanted = int(given) if given.isascii() and given.isdigit() else given
        try:
            number = parse(wanted).port
        except ValueError:
            fix = "write 8080, http=8080, auto, http=[::1]:8080 or http=unix:/path"
            raise ValueError(f"--port: {text!r} is no port; {fix}") from None
        key = name if equals else ("http" if not ports else f"port-{number or given}")
        ports[key] = wanted
    return ports


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--env: {text!r} has no value; write NAME=VALUE")
    return name, value


def _as_flag(fault: Fault) -> str:
    """Return a fault in the words of the command line."""
    field = fault.where[2] if len(fault.where) > 2 else ""
    return f"{FLAGS.get(str(field), str(field))}: {fault.problem}" + (f"; {fault.fix}" if fault.fix else "")
