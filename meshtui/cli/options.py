"""Flags that several verbs share, spelled once; names are kubectl's and `linkerd viz`'s."""

from typing import Annotated

import typer

from meshtui.cli import completion
from meshtui.cli.output import Format

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RESOURCE", help="TYPE, TYPE NAME… or TYPE/NAME…, e.g. deploy/web", autocompletion=completion.resources
    ),
]
Mesh = Annotated[
    str,
    typer.Option(
        "--mesh",
        help="Which local mesh, where several run.",
        envvar="MESHTUI_MESH",
        metavar="NAME",
        autocompletion=completion.meshes,
    ),
]
Namespace = Annotated[
    str,
    typer.Option(
        "--namespace",
        "-n",
        help="Namespace (default: the mesh's own).",
        metavar="NS",
        autocompletion=completion.namespaces,
    ),
]
AllNamespaces = Annotated[bool, typer.Option("--all-namespaces", "-A", help="All namespaces.")]
Output = Annotated[Format, typer.Option("--output", "-o", help="How to print.")]
TimeWindow = Annotated[
    str, typer.Option("--time-window", "-t", help="Window that the figures are over.", metavar="DURATION")
]
To = Annotated[str, typer.Option("--to", help="Only requests to this TYPE/NAME.", metavar="RESOURCE")]
ToNamespace = Annotated[str, typer.Option("--to-namespace", help="Namespace of --to.", metavar="NS")]
From = Annotated[str, typer.Option("--from", help="Only requests from this TYPE/NAME.", metavar="RESOURCE")]
FromNamespace = Annotated[str, typer.Option("--from-namespace", help="Namespace of --from.", metavar="NS")]
Duration = Annotated[str, typer.Option("--duration", help="End after this long.", metavar="DURATION")]
# Of the whole program; they are taken out before a verb is parsed (cli/where), and stand here for --help.
KubeconfigFile = Annotated[
    str, typer.Option("--kubeconfig", help="Kubeconfig, as kubectl takes it; anywhere on the line.", metavar="FILE")
]
KubeContext = Annotated[str, typer.Option("--context", help="Context of the kubeconfig.", metavar="NAME")]
AsUser = Annotated[str, typer.Option("--as", help="Ask in somebody else's name.", metavar="USER")]
AsGroup = Annotated[list[str] | None, typer.Option("--as-group", help="Ask as a member of it.", metavar="GROUP")]
UNMESHED = typer.Option(False, "--unmeshed", help="Show workloads without a sidecar too.")
ROUTES = typer.Option(False, "--routes", help="Group by route instead of method and path.")
HIDE_SOURCES = typer.Option(False, "--hide-sources", help="Do not tell sources apart.")
LIMIT = typer.Option(
    0, "--limit", help="End after so many requests (tap), show so many rows (top); 0: no limit.", min=0
)
ASCII = typer.Option(False, "--ascii", help="Draw with ASCII only, for terminals without Unicode.")
