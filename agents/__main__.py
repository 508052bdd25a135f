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
        return _sidecar(args[2])  # what every launcher and pod says: no parser has to be loaded for it
    return _sidecar(_parse(args))


def _parse(args: Sequence[str]) -> str:
    """Return the configuration's file; exits with a usage line for what cannot be understood."""
    import argparse

    parser = argparse.ArgumentParser(prog="agents", description="Mesh processes that run beside a workload.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    sidecar = commands.add_parser("sidecar", help="proxy the traffic of one workload")
    sidecar.add_argument(
        "--config", required=True, metavar="FILE", help="configuration as JSON; '-' reads it from stdin"
    )
    commands.add_parser("redirect", help="send a pod's traffic through its sidecar (Kubernetes)")
    commands.add_parser("launch", help="run workloads with sidecars on this machine")
    return str(parser.parse_args(args).config)


def _sidecar(path: str) -> int:
    from agents.runtime.config import REFUSED, ConfigError, load

    try:
        config = load(path)
    except ConfigError as error:
        sys.stderr.write(f"sidecar configuration refused: {error}\n")
        return REFUSED
    from agents.sidecar.main import main as run

    return run(config)


if __name__ == "__main__":
    sys.exit(main())
