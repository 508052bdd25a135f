"""`python -m agents sidecar | redirect | launch`: one image, three commands.

Each command imports only its own rooms: a sidecar must not pay for what a launcher needs.
"""

import argparse
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name; returns the exit status."""
    args = list(sys.argv[1:] if argv is None else argv)
    if args[:1] == ["launch"]:
        # Launcher and redirect have words of their own, and parse them themselves.
        from agents.launcher.main import main as launch

        return launch(args[1:])
    if args[:1] == ["redirect"]:
        from agents.redirect.main import main as redirect

        return redirect(args[1:])
    parser = argparse.ArgumentParser(prog="agents", description="Mesh processes that run beside a workload.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    sidecar = commands.add_parser("sidecar", help="proxy the traffic of one workload")
    sidecar.add_argument(
        "--config", required=True, metavar="FILE", help="configuration as JSON; '-' reads it from stdin"
    )
    commands.add_parser("redirect", help="send a pod's traffic through its sidecar", add_help=False)
    commands.add_parser("launch", help="run workloads with sidecars on this machine", add_help=False)
    parsed = parser.parse_args(args)
    return _sidecar(parsed.config)


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
