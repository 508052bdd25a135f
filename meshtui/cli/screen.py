"""`meshtui` and `meshtui demo`: the full-screen terminal, on the mesh that runs or on the demo it starts."""

import asyncio
import os
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from meshcore.client import stats
from meshcore.client.control import status
from meshcore.client.failure import ClientError
from meshcore.client.place import PlaceError, find
from meshcore.wire.stats_pb2 import EdgesResponse, StatResponse
from meshtui.cli import local, options, output
from meshtui.cli.fault import USAGE, Fault
from meshtui.cli.machine import categories
from meshtui.cli.resources import parse_resources
from meshtui.cli.scope import namespace_of, run, session_of
from meshtui.cli.stat import show
from meshtui.cli.where import PATIENCE_S, home_of
from meshtui.columns import edges as edge_columns
from meshtui.sources.kubeconfig import Kubeconfig, context_of

if TYPE_CHECKING:
    from meshtui.sources.mesh import Mesh

DEMO = "demo"
TRAFFIC_S = 30.0  # how long the first requests may take
SETTLE_MS = 8_000  # how much traffic the demo without a terminal shows

Detach = Annotated[bool, typer.Option("--detach", "-d", help="Start it and return; `meshtui down` ends it.")]
Rate = Annotated[float | None, typer.Option("--rate", help="Votes per second of the vote-bot.", min=0.1)]


def demo(detach: Detach = False, rate: Rate = None, ascii_only: bool = options.ASCII) -> None:
    """Start the demo mesh and look at it."""
    words = ["demo", *(["--rate", f"{rate:g}"] if rate else [])]
    if detach:
        local.hand_on("demo", [*words[1:], "--detach"])
    mine = not _runs(DEMO)
    if mine:
        if interactive():
            output.note("starting the demo: a control plane, and five programs with a sidecar each …")
        code = local.call(*words, "--detach", "--owner-pid", str(os.getpid()), quiet=True)
        if code:
            raise typer.Exit(code)
    try:
        if interactive():
            open_screen(DEMO, ascii_only=ascii_only)
        else:
            summary(DEMO)
    finally:
        if mine:
            local.call("down", "--mesh", DEMO, quiet=True)


def interactive() -> bool:
    """Tell whether a full-screen program can run here."""
    return _at_terminal() and os.environ.get("TERM", "") not in ("", "dumb")


def _at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _unfit() -> Fault:
    """Return why no full-screen program can run here."""
    if _at_terminal():
        term = os.environ.get("TERM", "")
        what = f"TERM is {term}, a terminal without a cursor to move" if term else "TERM is not set"
        hint = (
            "set it to what yours is, for example `TERM=xterm-256color meshtui`; or use `meshtui stat`, `tap` or `top`"
        )
        return Fault(f"the full-screen terminal cannot draw here: {what}", hint, status=USAGE)
    return Fault(
        "the full-screen terminal needs a terminal",
        "over ssh use `ssh -t`; in a script use `meshtui stat`, `edges`, `tap` or `top`",
        status=USAGE,
    )


def open_screen(mesh: str, *, ascii_only: bool = False, command: str = "", namespace: str = "") -> None:
    """Open the full-screen terminal; without a mesh it opens on its start screen."""
    if not interactive():
        raise _unfit()
    from meshtui.app import run as run_app
    from meshtui.commands import interpret

    refusal = interpret(command, namespace, ()).refusal
    if refusal:
        raise Fault(f"--command: {refusal}", status=USAGE)
    found, namespace = _found(mesh, namespace)
    # Of a cluster, the check screen shows what `meshtui check` does there: nothing of this machine.
    machine = categories if found is None or found.local else tuple
    code = run_app(found, view=command, namespace=namespace, ascii=ascii_only, machine=machine)
    if code:
        raise typer.Exit(code)


def _found(mesh: str, namespace: str) -> "tuple[Mesh | None, str]":
    """Return the mesh to look at (None: there is none yet) and the namespace to begin with."""
    from meshtui.sources.mesh import LocalMesh

    try:
        home = asyncio.run(home_of(mesh))
    except PlaceError as error:
        if mesh or "several" in str(error):
            raise Fault(str(error), error.hint, status=USAGE) from None
        return None, namespace
    except ClientError as error:
        raise Fault(error.message, error.hint) from None
    if isinstance(home, Kubeconfig):
        from meshtui.sources.cluster import ClusterMesh

        try:
            name = asyncio.run(context_of(home))
        except ClientError as error:
            raise Fault(error.message, error.hint) from None
        return ClusterMesh(home, name, namespace), _visible(mesh, namespace)
    if namespace:
        _visible(mesh, namespace)
    return LocalMesh(home), namespace


def _visible(mesh: str, namespace: str) -> str:
    """Return the namespace to begin with: where somebody may not look everywhere, the one where they may.

    Raises Fault for a namespace that does not exist. A control plane that is away is for the screens to show.
    """
    seen = namespace

    async def verb() -> None:
        nonlocal seen
        async with asyncio.timeout(PATIENCE_S), session_of(mesh, namespace) as session:
            if namespace:
                await namespace_of(session, namespace, everywhere=False)
            elif session.namespace:
                found = await status(session)
                seen = "" if set(found.namespaces) - {session.namespace} else session.namespace

    try:
        run(verb)
    except (ClientError, TimeoutError):
        return seen
    except Fault as fault:
        if fault.status == USAGE:
            raise
    return seen


def summary(mesh: str) -> None:
    """Wait for traffic, then print every deployment and every edge: the demo where no terminal is."""

    async def verb() -> None:
        async with session_of(mesh) as session:
            targets = parse_resources(["deploy"])
            request = stats.stat_request(targets, unmeshed=True)
            end = time.monotonic() + TRAFFIC_S
            busy = 0.0
            answer = StatResponse()
            async for answer in stats.watch_stat(session, request):
                if any(row.HasField("http") for row in answer.rows):
                    busy = busy or time.monotonic()
                    if time.monotonic() - busy >= SETTLE_MS / 1000:
                        break
                if time.monotonic() > end:
                    break
            if not busy:
                raise Fault(f"no traffic within {TRAFFIC_S:.0f} s", f"`meshtui logs vote-bot --mesh {mesh}` says why")
            show(answer, targets, output.Format.TABLE, "")
            print()
            edges: EdgesResponse = await stats.edges(session, stats.edges_request("deployment"))
            output.table(edge_columns.columns("deployment"), edges.edges, output.Format.WIDE)

    run(verb)


def _runs(mesh: str) -> bool:
    try:
        find(mesh)
    except PlaceError:
        return False
    return True
