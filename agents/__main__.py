"""`python -m agents sidecar | redirect | launch`: one image, three commands.

Each command imports only its own rooms: a sidecar must not pay for what a launcher needs.
"""

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name; returns the exit status."""
    args = list(sys.argv[1:] if argv is None else argv)
    if args[:1] == ["launch"]:
        # The launcher has verbs of its own, and parses them itself; so does what runs as an init container.
        from agents.launcher.main import main as launch

        return launch(args[1:])
    if args[:1] == ["redirect"]:
        from agents.redirect.main import main as redirect

        return redirect(args[1:])
    if args[:2] == ["sidecar", "--config"] and len(args) == 3:
        return _sidecar(args[2], None)  # what every launcher and pod says: no parser has to be loaded for it
    return _sidecar(*_parse(args))


def _parse(args: Sequence[str]) -> tuple[str, int | None]:
    """Return the configuration's file and --workers; exits with a usage line for what cannot be understood."""
    import argparse

    from agents.runtime.config import MOST_WORKERS

    parser = argparse.ArgumentParser(prog="agents", description="Mesh processes that run beside a workload.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    sidecar = commands.add_parser("sidecar", help="proxy the traffic of one workload")
    sidecar.add_argument(
        "--config", required=True, metavar="FILE", help="configuration as JSON; '-' reads it from stdin"
    )
    sidecar.add_argument(
        "--workers", type=int, metavar="N", help="processes that share the traffic (default: as configured)"
    )
    commands.add_parser("redirect", help="send a pod's traffic through its sidecar (Kubernetes)")
    commands.add_parser("launch", help="run workloads with sidecars on this machine")
    parsed = parser.parse_args(args)
    if parsed.workers is not None and not 1 <= parsed.workers <= MOST_WORKERS:
        sidecar.error(f"argument --workers: {parsed.workers} is not between 1 and {MOST_WORKERS}")
    return parsed.config, parsed.workers


def _sidecar(path: str, workers: int | None) -> int:
    from agents.sidecar.main import main as run  # first: it makes some modules wait that the others would load

    # isort: split
    from dataclasses import replace

    from agents.runtime.config import REFUSED, ConfigError, load

    try:
        config = load(path)
    except ConfigError as error:
        sys.stderr.write(f"sidecar configuration refused: {error}\n")
        return REFUSED
    return run(config if workers is None else replace(config, workers=workers))


if __name__ == "__main__":
    sys.exit(main())
