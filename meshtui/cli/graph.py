"""`meshtui graph`: the service graph drawn with characters, or as DOT, JSON or YAML for other programs."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from meshcore.client import stats
from meshtui.cli import options, output
from meshtui.cli.duration import parse_duration
from meshtui.cli.resources import parse_resources
from meshtui.cli.scope import namespace_of, run, session_of
from meshtui.model import export
from meshtui.model import graph as model
from meshtui.model.look import Look


class Form(StrEnum):
    """What `-o` takes here."""

    TEXT = "text"
    DOT = "dot"
    JSON = "json"
    YAML = "yaml"


Output = Annotated[Form, typer.Option("--output", "-o", help="How to print.")]
Down = Annotated[bool, typer.Option("--down", help="Draw from the top down instead of from left to right.")]


def graph(
    words: options.Words = None,
    namespace: options.Namespace = "",
    all_namespaces: options.AllNamespaces = False,
    window: options.TimeWindow = "1m",
    down: Down = False,
    ascii_only: bool = options.ASCII,
    form: Output = Form.TEXT,
    mesh: options.Mesh = "",
) -> None:
    """Draw who calls whom."""
    window_ms = parse_duration(window, "--time-window")
    (target, *_) = parse_resources(words or ["deploy"])

    async def verb() -> None:
        async with session_of(mesh, namespace) as session:
            where = await namespace_of(session, namespace, everywhere=all_namespaces)
            request = stats.edges_request(target.kind, namespace=where, name=target.name, window_ms=window_ms)
            found = model.read(await stats.edges(session, request))
        if form is Form.DOT:
            sys.stdout.write(export.dot(found))
        elif form is not Form.TEXT:
            output.dump(export.record(found), output.Format(form))
        elif found.edges:
            sys.stdout.write(export.text(found, Look(down=down, ascii=ascii_only)))
        else:
            output.note(f"No edges found between {target.kind}s.")

    run(verb)
