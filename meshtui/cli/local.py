"""`meshtui up|down|ps|logs|run`: handed on to the launcher, which is a program of its own.

The terminal and the agents are strangers by design; the command line of one starts the other.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from meshtui.cli import completion

Logged = Annotated[list[str] | None, typer.Argument(metavar="NAME", autocompletion=completion.workloads)]
PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def launcher(*words: str) -> list[str]:
    """Return the launcher's command line."""
    return [sys.executable, "-m", "agents", "launch", *words]


def hand_on(verb: str, words: Sequence[str]) -> None:
    """Become the launcher, so that signals and the exit status are its own."""
    sys.stdout.flush()
    os.execv(sys.executable, launcher(verb, *words))


def call(*words: str, quiet: bool = False) -> int:
    """Run the launcher to its end and return its exit status."""
    out = subprocess.DEVNULL if quiet else None
    return subprocess.run(launcher(*words), check=False, stdout=out).returncode


def up(context: typer.Context) -> None:
    """Start a mesh from FILE (mesh.yaml)."""
    hand_on("up", context.args)


def down(context: typer.Context) -> None:
    """End a local mesh."""
    hand_on("down", context.args)


def ps(context: typer.Context) -> None:
    """List the processes of a local mesh."""
    hand_on("ps", context.args)


def logs(context: typer.Context, words: Logged = None) -> None:
    """Print the log of a workload: NAME [-f] [--proxy]."""
    hand_on("logs", [*(words or []), *context.args])


def run(context: typer.Context) -> None:
    """Add one process to a running mesh: -- CMD…"""
    hand_on("run", context.args)
