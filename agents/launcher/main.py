"""`python -m agents launch VERB …`: parses, and hands over to the verb.

The `meshtui` commands of the same names end up here. Exit status: 0 well, 1 failed, 2 cannot be what was meant.
"""

import argparse
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

from agents.launcher.usage import page


def main(argv: Sequence[str]) -> int:
    """Run one verb and return its exit status."""
    args = list(argv)
    command: list[str] = []
    if args[:1] == ["run"] and "--" in args:
        cut = args.index("--")
        args, command = args[:cut], args[cut + 1 :]
    parser = _parser()
    parsed, extra = parser.parse_known_args(args)
    if extra:
        parser.refuse(parsed.verb, extra[0])
    try:
        match parsed.verb:
            case "up" | "demo":
                return _up(parsed, args)
            case "run":
                from agents.launcher.run import run

                return run(parsed, command or parsed.command)
            case "down":
                from agents.launcher.down import down

                return down(parsed.mesh)
            case "check":
                from agents.launcher.check import check

                return check(parsed.name)
            case "ps":
                from agents.launcher.ps import ps

                return ps(parsed.mesh, parsed.output, parsed.namespace)
            case _:
                from agents.launcher.logs import logs

                return logs(parsed)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; python would complain about the same
        return 0
    except KeyboardInterrupt:
        return 130


def _up(parsed: argparse.Namespace, args: Sequence[str]) -> int:
    if parsed.detach and parsed.relay_fd is None:
        from agents.launcher.detach import detach

        return detach(args, [parsed.owner_fd] if parsed.owner_fd is not None else [])
    from agents.launcher.detach import Relay
    from agents.launcher.up import Order, up

    relay = Relay(parsed.relay_fd) if parsed.relay_fd is not None else None
    if parsed.verb == "up":
        return up(Order(parsed.file, parsed.mesh, parsed.owner_pid, parsed.owner_fd), relay)
    from agents.launcher.demo import demo_file, demo_settings

    file = demo_file()
    if file is None:
        sys.stderr.write("the demo is not part of this installation; run it from the repository: make demo\n")
        return 1
    return up(Order(file, parsed.mesh, parsed.owner_pid, parsed.owner_fd, demo_settings(parsed.rate)), relay)


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line, with the nearest word it knows."""

    verbs: "argparse._SubParsersAction[Parser]"

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"{self.prog}: {message}; `{self.prog} --help` shows what there is\n")
        sys.exit(2)

    def format_help(self) -> str:
        return page(self, self._actions)

    def refuse(self, verb: str, word: str) -> NoReturn:
        """End because of a word that the verb does not know."""
        known = self.verbs.choices[verb]
        if not word.startswith("-"):
            known.error(f"unexpected argument: {word}")
        near = get_close_matches(word.partition("=")[0], list(known._option_string_actions), 1)
        fix = f"did you mean {near[0]}?" if near else f"`{known.prog} --help` shows what there is"
        sys.stderr.write(f"{known.prog}: no such option: {word}; {fix}\n")
        sys.exit(2)


def _parser() -> Parser:
    parser = Parser(prog="meshtui", description="Run a mesh on this machine.", allow_abbrev=False)
    parser.verbs = verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    up = verbs.add_parser("up", help="start a mesh from FILE", description="Start a mesh from a mesh.yaml.")
    up.add_argument(
        "file", nargs="?", default="mesh.yaml", type=Path, metavar="FILE", help="What to start (default: mesh.yaml)."
    )
    demo = verbs.add_parser("demo", help="start the demo mesh", description="Start the demo mesh.")
    demo.add_argument("--rate", type=_rate, metavar="N", help="Votes per second of the vote-bot.")
    for verb in (up, demo):
        verb.add_argument("--mesh", metavar="NAME", help="Name of the mesh (default: the file's).")
        verb.add_argument("--detach", "-d", action="store_true", help="Return once it is up, and let it run.")
        verb.add_argument("--owner-pid", type=int, metavar="PID", help="End with this process.")
        verb.add_argument("--owner-fd", type=int, metavar="N", help="End when the other end of this pipe is closed.")
        verb.add_argument("--relay-fd", type=int, help=argparse.SUPPRESS)

    run = verbs.add_parser(
        "run",
        help="add one process to a running mesh",
        description="Add one process to a running mesh, with a sidecar of its own, until it or the mesh ends.",
        usage="meshtui run --name NAME [OPTIONS] -- COMMAND …",
    )
    run.add_argument("--name", required=True, metavar="NAME", help="Name of the workload.")
    run.add_argument(
        "--port",
        action="append",
        default=[],
        metavar="[NAME=]PORT",
        help="Where it listens; or auto, [::1]:PORT, unix:/path.",
    )
    run.add_argument(
        "--upstream",
        action="append",
        default=[],
        metavar="NAME",
        help="What it calls: NAME, NAME:PORT, NAME.NAMESPACE.",
    )
    run.add_argument("--namespace", "-n", default="", metavar="NS", help="Namespace (default: the mesh's).")
    run.add_argument("--kind", default="Deployment", metavar="KIND", help="Kind of the workload (default: Deployment).")
    run.add_argument(
        "--env",
        "-e",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="A variable; it may refer to ${ports.NAME} …",
    )
    run.add_argument("--proxy", action="store_true", help="Set http_proxy, so that names of services work as hosts.")
    run.add_argument("--mesh", metavar="NAME", help="Which local mesh, where several run.")
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND", help="What to run, with its arguments.")

    down = verbs.add_parser("down", help="end a mesh", description="End a mesh and everything it started.")
    ps = verbs.add_parser("ps", help="list a mesh's processes", description="List a mesh's processes.")
    ps.add_argument("--output", "-o", choices=("table", "wide", "json", "yaml"), default="table", help="How to print.")
    ps.add_argument("--namespace", "-n", default="", metavar="NS", help="Namespace (default: all of them).")
    ps.add_argument(
        "--all-namespaces",
        "-A",
        action="store_const",
        const="",
        dest="namespace",
        help="All namespaces, as without -n.",
    )
    logs = verbs.add_parser("logs", help="print logs", description="Print the log of a workload or pod.")
    logs.add_argument("name", metavar="NAME", help="web, web-0, deploy/web, or control-plane.")
    logs.add_argument("--namespace", "-n", default="", metavar="NS", help="Namespace (default: any).")
    logs.add_argument("--follow", "-f", action="store_true", help="Go on as lines are written.")
    logs.add_argument("--proxy", action="store_true", help="Of the sidecar instead of the application.")
    logs.add_argument("--tail", type=int, default=-1, metavar="N", help="Only the last N lines.")
    for verb in (down, ps, logs):
        verb.add_argument("--mesh", metavar="NAME", help="Which local mesh, where several run.")
    check = verbs.add_parser("check", help="judge a mesh.yaml", description="Judge the mesh.yaml on stdin.")
    check.add_argument("--name", default="mesh.yaml", metavar="FILE", help="What messages call it.")
    return parser


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate: give a number above 0, at most 1000")
    return rate
