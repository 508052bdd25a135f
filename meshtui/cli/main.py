"""The command `meshtui`: its verbs, and how what goes wrong leaves it (one line on stderr, exit status 1 or 2)."""

import errno
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import Abort, Exit, TyperException

from meshcore.wire.version import VERSION
from meshtui.cli import check as check_verb
from meshtui.cli import edges, graph, identity, inject, install, local, options, pods, screen, stat, tap, top, where
from meshtui.cli.fault import USAGE, Fault

INTERRUPTED = 130  # 128 + SIGINT, as shells report it

VALUED = ("-n", "--namespace", "--mesh", "-c", "--command")  # flags of the whole program that take a word
SPELLED = {"routes": ("top", "--routes")}  # what Linkerd has a verb for

app = typer.Typer(
    help="See what your services do: a full-screen terminal with its own light service mesh.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)

Check = Annotated[bool, typer.Option("--check", help="The same as `meshtui check`.")]
Version = Annotated[bool, typer.Option("--version", help="Print the version.")]
Command = Annotated[
    str, typer.Option("--command", "-c", help="Open on this view, e.g. 'deploy' or 'graph'.", metavar="VIEW")
]


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    check: Check = False,
    version: Version = False,
    command: Command = "",
    namespace: options.Namespace = "",
    ascii_only: bool = options.ASCII,
    mesh: options.Mesh = "",
    kubeconfig: options.KubeconfigFile = "",
    kube_context: options.KubeContext = "",
    as_user: options.AsUser = "",
    as_group: options.AsGroup = None,
) -> None:
    """Open the full-screen terminal on the running mesh."""
    if context.invoked_subcommand:
        return
    if version:
        print(f"meshtui {VERSION}")
    elif check:
        check_verb.check(mesh=mesh)
    else:
        screen.open_screen(mesh, ascii_only=ascii_only, command=command, namespace=namespace)


for verb in (
    stat.stat,
    top.top,
    tap.tap,
    edges.edges,
    graph.graph,
    pods.pods,
    identity.identity,
    check_verb.check,
    screen.demo,
):
    app.command()(verb)
for clustered in (inject.inject, inject.uninject, install.install, install.upgrade, install.uninstall, install.prune):
    app.command()(clustered)
for handed_on in (local.up, local.down, local.ps, local.logs, local.run):
    app.command(context_settings=local.PASS_ON)(handed_on)
VERBS = frozenset(each.callback.__name__ for each in app.registered_commands if each.callback is not None)


def main() -> None:
    """Run the command line of this process."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # it was closed by whoever started us
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - for good
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a locale may not have our signs: they are no reason to say nothing
            stream.reconfigure(errors="backslashreplace")
    sys.exit(execute(sys.argv[1:]))


def execute(words: list[str]) -> int:
    """Run a command line and return its exit status: 0, 1 (it failed) or 2 (it makes no sense)."""
    command = typer.main.get_command(app)
    try:
        words = verb_first(where.take(words))
        result = command.main(args=words, prog_name="meshtui", standalone_mode=False)
        sys.stdout.flush()
    except Fault as fault:
        return _complain(str(fault), fault.status)
    except Exit as end:
        return end.exit_code
    except TyperException as error:
        return _complain(_usage(error, words), USAGE)
    except (Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        return _read_enough()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _read_enough()
        return _complain(f"what was to be written does not fit: {error.strerror}", 1)
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # Typer takes it for a failure
            return _read_enough()
        raise
    return result if isinstance(result, int) else 0


def verb_first(words: Sequence[str]) -> list[str]:
    """Put flags that stand before the verb behind it, as kubectl takes them in both places; spell out what is short."""
    ahead: list[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-"):
        ahead.append(rest.pop(0))
        if ahead[-1] in VALUED and rest:
            ahead.append(rest.pop(0))
    if not rest:
        return ahead
    verb, *behind = rest
    return [*SPELLED.get(verb, (verb,)), *ahead, *behind]


def _read_enough() -> int:
    """Nobody takes more of what is printed; Python's own flush at exit must not complain of it again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _usage(error: TyperException, words: Sequence[str]) -> str:
    text = error.format_message().strip().rstrip(".").replace("\n", " ").replace("Value error, ", "")
    text = f"{text[:1].lower()}{text[1:]}".replace(". Did you mean", "; did you mean")
    verb = next((f" {word}" for word in words[:1] if word in VERBS), "")
    return text if text.endswith("?") else f"{text}; `meshtui{verb} --help` lists what there is"


def _complain(text: str, status: int) -> int:
    print(f"meshtui: {text}", file=sys.stderr)
    return status
